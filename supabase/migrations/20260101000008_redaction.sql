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
  v_names constant text := '(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key'
    '|private[_-]?key|client[_-]?secret|token|authorization|credentials?|cookie'
    '|session[_-]?id|csrf|otp|cvv|cvc|ssn'
    '|card[_-]?number)';
  v_candidate text;
begin
  if v_text is null or length(v_text) < 4 then
    return v_text;
  end if;

  v_text := regexp_replace(v_text,
    '-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)',
    '[redacted:private_key]', 'g');
  v_text := regexp_replace(v_text, '(\m[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@',
    '\1:[redacted:password]@', 'gi');
  v_text := regexp_replace(v_text, '\m(bearer|basic)\s+[a-z0-9._~+/-]{8,}=*',
    '\1 [redacted:credentials]', 'gi');
  v_text := regexp_replace(v_text, '\meyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*',
    '[redacted:jwt]', 'g');
  v_text := regexp_replace(v_text,
    '\m(?:(?:AKIA|ASIA)[A-Z0-9]{16}\M|AIza[0-9A-Za-z_-]{35}'
    '|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}'
    '|github_pat_[A-Za-z0-9_]{20,}'
    '|xox[abeprs]-[A-Za-z0-9-]{10,}|sb_secret_[A-Za-z0-9_-]{10,}|sbp_[a-f0-9]{20,}'
    '|whsec_[A-Za-z0-9+/=]{16,}|re_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})',
    '[redacted:key]', 'g');

  -- name=value, "name": "value", name: 'value' — and name: value where the value looks made, not
  -- said
  v_text := regexp_replace(v_text,
    '((?:^|[^a-z])(?:[a-z0-9]+[_-])*' || v_names || '["'']?\s*=\s*)'
    '(?!\[redacted)("[^"]*"|''[^'']*''|[^\s,;&"'')}\]]+)', '\1[redacted:secret]', 'gi');
  v_text := regexp_replace(v_text,
    '((?:^|[^a-z])(?:[a-z0-9]+[_-])*' || v_names || '["'']?\s*:\s*)'
    '(?!\[redacted|bearer|basic)("[^"]+"|''[^'']+''|(?=[^\s,;]*[0-9])[^\s,;&"'')}\]]{8,})',
    '\1[redacted:secret]', 'gi');

  for v_candidate in
    select m[1] from regexp_matches(v_text,
      '(?<![0-9A-Za-z])((?:\d[ -]?){12,18}\d)(?![0-9A-Za-z])', 'g') as m
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
