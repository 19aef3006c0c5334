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
  v_candidate text;
begin
  if v_text is null or length(v_text) < 4 then
    return v_text;
  end if;

  if strpos(v_text, '-----BEGIN') > 0 then
    v_text := regexp_replace(v_text,
      '-----BEGIN [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----.*?'
      '(?:-----END [A-Z ]*?PRIVATE KEY(?: BLOCK)?-----|$)',
      '[redacted:private_key]', 'g');
  end if;
  if strpos(v_text, '://') > 0 then
    v_text := regexp_replace(v_text, '(\m[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/]+@',
      '\1:[redacted:password]@', 'gi');
  end if;
  if v_text ~* 'bearer|basic|authorization' then
    v_text := regexp_replace(v_text, '(authorization(?:\\*["''])?\s*[:=]\s*(?:\\*["''])?)'
      '(?!bearer|basic|\[redacted)(?:[a-z0-9-]+\s+)?(?=[^\s"'',;]*[0-9])[^\s"'',;\\]{8,}',
      '\1[redacted:credentials]', 'gi');
    v_text := regexp_replace(v_text, '(authorization(?:\\*["''])?\s*[:=]\s*(?:\\*["''])?(?:bearer'
      '|basic)\s+)(?!\[redacted)[^\s"'',;\\]+', '\1[redacted:credentials]', 'gi');
    v_text := regexp_replace(v_text, '\m(bearer)\s+(?!authenti|authoriz|credential)'
      '[a-z0-9._~+/-]{8,}=*', '\1 [redacted:credentials]', 'gi');
    -- "basic authentication failed" is said of no secret
    v_text := regexp_replace(v_text, '\m([Bb]asic|BASIC)\s+(?=[A-Za-z0-9._~+/-]+[0-9A-Z])'
      '[A-Za-z0-9._~+/-]{8,}=*', '\1 [redacted:credentials]', 'g');
  end if;
  if strpos(v_text, 'eyJ') > 0 then
    v_text := regexp_replace(v_text,
      '\meyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?', '[redacted:jwt]', 'g');
  end if;
  v_text := regexp_replace(v_text,
    '\m(?:(?:AKIA|ASIA)[A-Z0-9]{16}\M|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}'
    '|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}'
    '|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}'
    '|xox[abeprs]-[A-Za-z0-9-]{10,}|sb_secret_[A-Za-z0-9_-]{10,}|sbp_[a-f0-9]{20,}'
    '|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}'
    '|whsec_[A-Za-z0-9+/=]{16,}|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})',
    '[redacted:key]', 'g');
  v_text := regexp_replace(v_text, '(hooks\.slack\.com/services/)[A-Za-z0-9/_-]{10,}',
    '\1[redacted:key]', 'g');

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
  'like password or api_key, private keys, card numbers.';

revoke all on all functions in schema tocsin_internal from public;
