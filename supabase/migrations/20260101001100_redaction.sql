-- Redaction: no secret is stored. Text goes through redact() before it becomes a row.
--
-- What is replaced keeps its place and its name, so that the text stays readable:
-- `Authorization: Bearer [redacted:credentials]`. Words that merely contain such a name stay.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.is_card_number(p_text text) returns boolean
language sql immutable parallel safe set search_path = ''
as $$
  -- Luhn: from the right, every second digit counts twice, less nine when over nine
  select count(*) between 13 and 19 and sum(
    case when position % 2 = 0 then digit * 2 - case when digit > 4 then 9 else 0 end
    else digit end) % 10 = 0
  from (
    select digit::int, row_number() over (order by place desc) as position
    from regexp_split_to_table(regexp_replace(p_text, '\D', '', 'g'), '') with ordinality
      as d (digit, place)
    where digit <> ''
  ) as digits
$$;

comment on function tocsin_internal.is_card_number(text) is
  'Whether the digits in the text are a card number: 13 to 19 of them that pass Luhn''s test.';

create function tocsin_internal.may_hold_secret(
  p_text text, p_is_json boolean default false
) returns boolean
language plpgsql immutable parallel safe set search_path = ''
as $$
begin
  -- Cheap looks that let most texts go: whatever redact() replaces has one of these signs. Three
  -- small expressions take half the time of one large one.
  return p_text ~* ('(?:pass|pwd|secret|token|auth|credential|key|cookie|session|csrf|otp|cv[vc]'
      '|ssn|sig|card)[a-z0-9_.-]*\\*["'']?\s*[:=]'
      '|--[a-z0-9-]*(?:pass|pwd|secret|token|auth|credential|key|cookie|session|csrf|otp|cv[vc]'
      '|ssn|sig|card)|bearer|basic|-----begin')
    or p_text ~ '\d[\d -]{11}|[A-Z]{2}\d\d[A-Z0-9 ]{11}|://[^"\s]*@'
    or p_text ~ ('eyJ|AKIA|ASIA|AIza|ya29\.|[rs]k_(?:live|test)|sk-|gh[pousr]_|github_pat|glpat-'
      '|npm_|xox[abeprs]-|sbp_|sb_secret_|SG\.|re_|whsec_|tocsin_ik|slack\.com')
    or p_is_json and p_text ~* '(?:sid|pin|pan|iban|jwt|mfa|xsrf|factor)[a-z0-9_]*":';
end
$$;

comment on function tocsin_internal.may_hold_secret(text, boolean) is
  'False: there is nothing for redact() in the text nor, when it is json, for redact_json(). True: '
  'perhaps there is.';

create function tocsin_internal.is_iban(p_text text) returns boolean
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_iban constant text := replace(p_text, ' ', '');
  v_rest bigint := 0;
  v_sign text;
begin
  if v_iban !~ '^[A-Z]{2}\d\d[A-Z0-9]{11,30}$' then
    return false;
  end if;
  -- the first four go last, letters are 10 to 35, and the whole leaves 1 when divided by 97
  foreach v_sign in array string_to_array(substr(v_iban, 5) || left(v_iban, 4), null) loop
    v_rest := case when v_sign ~ '\d' then v_rest * 10 + v_sign::int
                   else v_rest * 100 + ascii(v_sign) - 55 end % 97;
  end loop;
  return v_rest = 1;
end
$$;

comment on function tocsin_internal.is_iban(text) is
  'Whether the text is an IBAN: country, check digits that are right, 11 to 30 more.';

create function tocsin_internal.redact(p_text text) returns text
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text := p_text;
  -- camelCase cannot be told without case: the words that commonly stand before a name
  v_before constant text := '((?<!unexpected)(?:^|[^a-z]|access|admin|api|auth|bot|client|database'
    '|db|id|refresh|root|service|session|user)';
  v_names constant text := '(?:password|passwd|passphrase|pwd|secret|token|authorization'
    '|credentials?'
    '|(?:access|account|api|encryption|master|private|secret|service|signing)[_-]?key'
    '|client[_-]?secret|cookie|session[_-]?id|csrf|otp|cvv|cvc|ssn|signature|sig|card[_-]?number)'
    '(?:\\*["''])?\s*';
  v_quoted constant text := '"(?:[^"\\]|\\.)*(?:"|$)|''(?:[^''\\]|\\.)*(?:''|$)|\\+"[^"]*(?:"|$)';
  v_bare constant text := '[^\s,;&"''<>)}\]\\]';
  -- where a word begins: a letter with an accent, which \m takes for one, hides no key
  v_begins constant text := '(?<![A-Za-z0-9_])';
  v_candidate text;
begin
  if v_text is null or length(v_text) < 4 or not tocsin_internal.may_hold_secret(v_text) then
    return v_text;
  end if;

  if strpos(v_text, '-----BEGIN') > 0 then
    v_text := regexp_replace(v_text,
      '-----BEGIN [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----.*?'
      '(?:-----END [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----|$)',
      '[redacted:private_key]', 'g');
  end if;
  if strpos(v_text, '://') > 0 then
    v_text := regexp_replace(v_text, '(' || v_begins || '[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/]+@',
      '\1:[redacted:password]@', 'gi');
  end if;
  if v_text ~* 'authorization' then
    v_text := regexp_replace(v_text, '(authorization(?:\\*["''])?\s*[:=]\s*(?:\\*["''])?'
      '(?:(?:token|oauth|digest|negotiate|ntlm|sharedkey|api-?key|aws4-hmac-sha256)\s+)?)'
      '(?!bearer|basic|\[redacted)(?:[a-z0-9-]+\s+)?(?=[^\s"'',;]*[0-9])[^\s"'',;\\]{8,}',
      '\1[redacted:credentials]', 'gi');
    v_text := regexp_replace(v_text, '(authorization(?:\\*["''])?\s*[:=]\s*(?:\\*["''])?(?:bearer'
      '|basic)\s+)(?!\[redacted)[^\s"'',;\\]+', '\1[redacted:credentials]', 'gi');
  end if;
  if v_text ~* 'bearer|basic' then
    v_text := regexp_replace(v_text, v_begins || '(bearer)\s+(?!authenti|authoriz|credential)'
      '[a-z0-9._~+/-]{8,}=*', '\1 [redacted:credentials]', 'gi');
    -- "basic authentication failed" is said of no secret
    v_text := regexp_replace(v_text, v_begins || '([Bb]asic|BASIC)\s+(?=[A-Za-z0-9._~+/-]+[0-9A-Z])'
      '[A-Za-z0-9._~+/-]{8,}=*', '\1 [redacted:credentials]', 'g');
  end if;
  if strpos(v_text, 'eyJ') > 0 then
    v_text := regexp_replace(v_text,
      v_begins || 'eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?',
      '[redacted:jwt]', 'g');
  end if;
  if v_text ~ '[A-Za-z0-9_./+-]{16}' then
    v_text := regexp_replace(v_text,
      v_begins || '(?:(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9_])|AIza[0-9A-Za-z_-]{35}'
      '|ya29\.[0-9A-Za-z_-]{20,}'
      '|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}'
      '|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}'
      '|xox[abeprs]-[A-Za-z0-9-]{10,}|sb_secret_[A-Za-z0-9_-]{10,}|sbp_[a-f0-9]{20,}'
      '|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}'
      '|tocsin_ik_[A-Za-z0-9_-]{20,}'
      '|whsec_[A-Za-z0-9+/=]{16,}|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})',
      '[redacted:key]', 'g');
  end if;
  if strpos(v_text, 'hooks.slack.com') > 0 then
    v_text := regexp_replace(v_text, '(hooks\.slack\.com/services/)[A-Za-z0-9/_-]{10,}',
      '\1[redacted:key]', 'g');
  end if;

  -- name=value, "name": "value", name => 'value', also where the quotes are escaped; and
  -- name: value where the value looks made, not said
  if v_text ~* v_names then
    v_text := regexp_replace(v_text, '((?:^|[^a-z])cookie(?:\\*["''])?\s*[:=]\s*(?:\\*["''])?)'
      '(?!\[redacted)(?=[^\r\n"'']*=)[^\r\n"'']+', '\1[redacted:secret]', 'gi');
    v_text := regexp_replace(v_text, v_before || v_names || '(?:=>|=(?!=))\s*)(?!\[redacted)(?:'
      || v_quoted || '|' || v_bare || '+)', '\1[redacted:secret]', 'gi');
    v_text := regexp_replace(v_text, v_before || v_names || ':\s*)(?!\[redacted|bearer|basic)(?:'
      || v_quoted || '|(?=[^\s,;]*[0-9])' || v_bare || '{6,})', '\1[redacted:secret]', 'gi');
    v_text := regexp_replace(v_text, '((?:^|[^a-z])(?:otp|cvv|cvc)(?:\\*["''])?\s*:\s*)\d{3,8}\M',
      '\1[redacted:secret]', 'gi');
    v_text := regexp_replace(v_text, '(--(?:[a-z0-9]+-)*' || v_names || '\s)(?![-\[])\S+',
      '\1[redacted:secret]', 'gi');
  end if;

  if v_text ~ '[A-Z]{2}\d\d[A-Z0-9 ]{11}' then
    for v_candidate in
      select m[1] from regexp_matches(v_text,
        '\m([A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\M', 'g') as m
    loop
      if tocsin_internal.is_iban(v_candidate) then
        v_text := replace(v_text, v_candidate, '[redacted:iban]');
      end if;
    end loop;
  end if;
  if v_text !~ '\d[\d -]{11}' then
    return v_text;
  end if;
  for v_candidate in
    select m[1] from regexp_matches(v_text,
      -- not within a longer number or a uuid
      '(?<![0-9A-Za-z]|[0-9A-Za-z]-)([2-6](?:[ -]?\d){12,18})(?![0-9A-Za-z]|-[0-9A-Za-z])', 'g')
      as m
  loop
    if tocsin_internal.is_card_number(v_candidate) then
      v_text := replace(v_text, v_candidate, '[redacted:card]');
    end if;
  end loop;

  return v_text;
end
$$;

comment on function tocsin_internal.redact(text) is
  'The text with its secrets replaced: credentials, tokens, keys, passwords in URLs and after '
  'names '
  'like password or api_key, private keys, card numbers, IBANs.';

revoke all on all functions in schema tocsin_internal from public;
