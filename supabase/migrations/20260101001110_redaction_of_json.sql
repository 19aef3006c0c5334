-- Redaction of jsonb, and its bounds: what is reported beside a message goes through here before it
-- is stored.
--
-- A value is replaced where its key is the name of a secret; any other text goes through redact().
-- Branches that hold nothing suspicious are left as they are, which makes it cheap. What is deeper
-- or larger than the bounds is cut with a mark, so that the rest stays readable.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.is_secret_key(p_key text) returns boolean
language sql immutable parallel safe set search_path = ''
as $$
  -- words are divided by case, dashes and underscores: a tokenizer is no token
  select lower(regexp_replace(left(p_key, 200), '([a-z0-9])([A-Z])', '\1_\2', 'g')) ~
    '(^|[^a-z])(password|passwd|passphrase|pass|pwd|secret|secrets|token|tokens|authorization|auth'
    '|credentials?|cookies?|session|session_?id|sid|csrf|xsrf|csrf_?token|otp|totp|pin|cvv|cvc|ssn'
    '|signature|sig|card_?number|pan|iban|jwt|bearer|two_?factor|mfa'
    '|(access|account|api|auth|client|encryption|master|private|secret|service|service_role|signing'
    '|ssh)[_-]?keys?)([0-9]*|_?(hash|base|base64|hex|enc|encrypted|value))$'
$$;

comment on function tocsin_internal.is_secret_key(text) is
  'Whether the key of an object is the name of a secret: password, access_token, x-api-key, '
  'sessionId. Not tokenizer, author, keyboard or secretary.';

create function tocsin_internal.redact_json(p_json jsonb, p_depth int default 1) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text;
begin
  case jsonb_typeof(p_json)
    when 'string' then
      v_text := p_json #>> '{}';
      return case when tocsin_internal.may_hold_secret(v_text)
        then to_jsonb(tocsin_internal.redact(v_text)) else p_json end;
    when 'number' then
      v_text := p_json #>> '{}';
      return case when length(v_text) between 13 and 19 and v_text ~ '^\d+$'
          and tocsin_internal.is_card_number(v_text) then '"[redacted:card]"' else p_json end;
    when 'object', 'array' then
      if not tocsin_internal.may_hold_secret(p_json::text)
        and p_json::text !~* '"[^"]*(sid|pin|pan|jwt|mfa|xsrf|two_?factor)[^"]*":'
      then
        return p_json;
      end if;
    else
      return p_json;
  end case;
  if p_depth > 12 then
    return '"[cut: too deep]"';
  end if;

  if jsonb_typeof(p_json) = 'array' then
    return coalesce((
      select jsonb_agg(tocsin_internal.redact_json(value, p_depth + 1) order by place)
      from jsonb_array_elements(p_json) with ordinality as e (value, place)), '[]');
  end if;
  return coalesce((
    select jsonb_object_agg(key, case
      when value in ('null', 'true', 'false', '""') then value
      when tocsin_internal.is_secret_key(key) then '"[redacted:secret]"'
      else tocsin_internal.redact_json(value, p_depth + 1) end)
    from jsonb_each(p_json)), '{}');
end
$$;

comment on function tocsin_internal.redact_json(jsonb, int) is
  'The json with its secrets replaced: values whose key names a secret, and what redact() knows in '
  'any text.';

create function tocsin_internal.cut_json(
  p_json jsonb, p_depth int, p_length int, p_items int
) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_text text;
begin
  case jsonb_typeof(p_json)
    when 'string' then
      v_text := p_json #>> '{}';
      return case when length(v_text) <= p_length then p_json
        else to_jsonb(left(v_text, p_length) || ' [cut]') end;
    when 'array' then
      if p_depth <= 0 then
        return '"[cut: too deep]"';
      end if;
      return coalesce((
        select jsonb_agg(case when place <= p_items
            then tocsin_internal.cut_json(value, p_depth - 1, p_length, p_items)
            else to_jsonb(format('[cut: %s more]', jsonb_array_length(p_json) - p_items)) end
          order by place)
        from jsonb_array_elements(p_json) with ordinality as e (value, place)
        where place <= p_items + 1), '[]');
    when 'object' then
      if p_depth <= 0 then
        return '"[cut: too deep]"';
      end if;
      return coalesce((
        select jsonb_object_agg(left(key, 200), case when place <= p_items
            then tocsin_internal.cut_json(value, p_depth - 1, p_length, p_items)
            else '"[cut: more keys]"' end)
        from jsonb_each(p_json) with ordinality as e (key, value, place)
        where place <= p_items + 1), '{}');
    else
      return case when length(p_json::text) <= 100 then p_json
        else to_jsonb(left(p_json::text, 100) || ' [cut]') end;
  end case;
end
$$;

comment on function tocsin_internal.cut_json(jsonb, int, int, int) is
  'The json cut to p_depth levels, texts of p_length characters, and p_items entries in each '
  'object '
  'and array, with marks where something is left out.';

create function tocsin_internal.redact_metadata(p_metadata jsonb) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_json jsonb := coalesce(p_metadata, '{}');
  v_bound record;
begin
  if jsonb_typeof(v_json) <> 'object' then
    v_json := jsonb_build_object('value', v_json);
  end if;
  -- a level at a time, each smaller, until it fits; the depth is asked without descending
  for v_bound in
    select * from (values (10, 8192, 500), (8, 1024, 100), (4, 256, 30), (2, 100, 20))
      as b (depth, length, items)
  loop
    exit when octet_length(v_json::text) <= 65536
      and not jsonb_path_exists(v_json, '$.**{11}');
    v_json := tocsin_internal.cut_json(v_json, v_bound.depth, v_bound.length, v_bound.items);
  end loop;
  return tocsin_internal.redact_json(v_json);
end
$$;

comment on function tocsin_internal.redact_metadata(jsonb) is
  'Metadata as it is stored: an object, redacted, at most ten levels and 64 KiB, cut with marks '
  'where it is more.';

revoke all on all functions in schema tocsin_internal from public;
