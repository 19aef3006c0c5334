-- Redaction of jsonb, and its bounds: what is reported beside a message goes through here before it
-- is stored.
--
-- A value is replaced where its key is the name of a secret; any other text goes through redact().
-- Branches that hold nothing suspicious are left as they are, which makes it cheap. What is deeper
-- or larger than the bounds is cut with a mark, so that the rest stays readable.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.secret_keys(p_keys text[]) returns text[]
language plpgsql immutable parallel safe set search_path = ''
  set plan_cache_mode = force_generic_plan
as $$
declare
  -- one line each, so that all are looked at in one go; words are divided by case, dashes and
  -- underscores (a tokenizer is no token), and what says how it is written does not count
  v_lines constant text[] := string_to_array(regexp_replace(lower(regexp_replace(
      translate(array_to_string(array(
        select left(translate(key, chr(10), '_'), 200) from unnest(p_keys) as key), chr(10)),
        '-. :/[]()$@', '___________'),
      '([a-z0-9])([A-Z])', '\1_\2', 'g')),
      -- written so that it matches nowhere but at ends: three times as quick as what may be empty
      '(?:_?(?:hash|base(?:64)?|hex|enc(?:rypted)?|value)_*[0-9]*|_+[0-9]*|[0-9]+)$', '', 'gn'),
      chr(10));
begin
  return array(
    select k.key from unnest(p_keys, v_lines) as k (key, line)
    where split_part(line, '_', -1) in ('password', 'passwd', 'passphrase', 'pass', 'pwd', 'secret',
        'secrets', 'token', 'tokens', 'authorization', 'auth', 'credential', 'credentials',
        'cookie', 'cookies', 'session', 'sessionid', 'sid', 'csrf', 'xsrf', 'csrftoken', 'otp',
        'totp', 'pin', 'cvv', 'cvc', 'ssn', 'signature', 'sig', 'cardnumber', 'pan', 'iban', 'jwt',
        'bearer', 'twofactor', 'mfa', 'apikey', 'apikeys', 'accesskey', 'accountkey', 'authkey',
        'clientkey', 'encryptionkey', 'masterkey', 'privatekey', 'secretkey', 'servicekey',
        'signingkey', 'sshkey')
      or split_part(line, '_', -2) || split_part(line, '_', -1) in ('sessionid', 'cardnumber',
        'twofactor', 'accesskey', 'accesskeys', 'accountkey', 'accountkeys', 'apikey', 'apikeys',
        'authkey', 'authkeys', 'clientkey', 'clientkeys', 'encryptionkey', 'encryptionkeys',
        'masterkey', 'masterkeys', 'privatekey', 'privatekeys', 'secretkey', 'secretkeys',
        'servicekey', 'servicekeys', 'rolekey', 'signingkey', 'signingkeys', 'sshkey', 'sshkeys'));
end
$$;

comment on function tocsin_internal.secret_keys(text[]) is
  'Those of the keys that are the names of secrets: password, access_token, x-api-key, sessionId. '
  'Not tokenizer, author, keyboard or secretary.';

create function tocsin_internal.redact_json(p_json jsonb, p_depth int default 1) returns jsonb
language plpgsql immutable parallel safe set search_path = ''
  set plan_cache_mode = force_generic_plan -- planning anew for each json takes most of the time
as $$
declare
  v_secret text[];
  v_texts text;
begin
  -- A look is dear by itself, not by its length: all keys are looked at in one, all texts in one,
  -- and each branch.
  case jsonb_typeof(p_json)
    when 'object' then
      if p_depth > 12 then
        return '"[cut: too deep]"';
      end if;
      v_secret := tocsin_internal.secret_keys(array(
        select key from jsonb_each(p_json) where value not in ('null', 'true', 'false', '""')));
      v_texts := (
        select string_agg(case jsonb_typeof(value) when 'string' then value #>> '{}' end, chr(10))
        from jsonb_each(p_json) where key <> all (v_secret));
      if not tocsin_internal.may_hold_secret(v_texts) then
        v_texts := null;
      end if;
      return coalesce((
        -- a key that is long enough may be a secret itself
        select jsonb_object_agg(
          case when length(key) < 16 then key else tocsin_internal.redact(key) end,
          case
            -- how many tokens is no secret
            when key = any (v_secret)
              and not (jsonb_typeof(value) = 'number' and key ~* 'tokens$')
              then '"[redacted:secret]"'
            when jsonb_typeof(value) = 'string' then
              case when v_texts is null then value
                else to_jsonb(tocsin_internal.redact(value #>> '{}')) end
            when jsonb_typeof(value) in ('object', 'array') then
              case when tocsin_internal.may_hold_secret(value::text, true)
                then tocsin_internal.redact_json(value, p_depth + 1) else value end
            when jsonb_typeof(value) = 'number' and length(value::text) between 13 and 19
              then tocsin_internal.redact_json(value)
            else value
          end)
        from jsonb_each(p_json)), '{}');
    when 'array' then
      if p_depth > 12 then
        return '"[cut: too deep]"';
      end if;
      return coalesce((
        select jsonb_agg(case when jsonb_typeof(value) in ('null', 'boolean') then value
          when tocsin_internal.may_hold_secret(value::text, true)
            then tocsin_internal.redact_json(value, p_depth + 1) else value end order by place)
        from jsonb_array_elements(p_json) with ordinality as e (value, place)), '[]');
    when 'string' then
      return to_jsonb(tocsin_internal.redact(p_json #>> '{}'));
    when 'number' then
      return case when p_json::text ~ '^\d{13,19}$'
          and tocsin_internal.is_card_number(p_json::text) then '"[redacted:card]"'
        else p_json end;
    else
      return p_json;
  end case;
end
$$;

comment on function tocsin_internal.redact_json(jsonb, int) is
  'The json with its secrets replaced: values whose key names a secret, and what redact() knows in '
  'any text, also in keys.';

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
  v_is_redacted boolean := false;
  v_text text;
  v_bound record;
begin
  if jsonb_typeof(v_json) <> 'object' then
    v_json := jsonb_build_object('value', v_json);
  end if;
  -- a level at a time, each smaller, until it fits; the depth is asked without descending
  for v_bound in
    select * from (values (10, 8192, 500), (8, 1024, 100), (4, 256, 30), (2, 100, 20), (1, 50, 20))
      as b (depth, length, items)
  loop
    v_text := v_json::text;
    if octet_length(v_text) <= 65536 and not jsonb_path_exists(v_json, '$.**{11}') then
      exit when v_is_redacted;
      v_is_redacted := true;
      exit when not tocsin_internal.may_hold_secret(v_text, true);
      v_json := tocsin_internal.redact_json(v_json);
      -- what is told instead of a secret may be longer than it was, but not six times
      exit when octet_length(v_text) <= 10000 or octet_length(v_json::text) <= 65536;
    end if;
    v_json := tocsin_internal.cut_json(v_json, v_bound.depth, v_bound.length, v_bound.items);
  end loop;
  return case when v_is_redacted then v_json else tocsin_internal.redact_json(v_json) end;
end
$$;

comment on function tocsin_internal.redact_metadata(jsonb) is
  'Metadata as it is stored: an object, redacted, at most ten levels and 64 KiB, cut with marks '
  'where it is more.';

revoke all on all functions in schema tocsin_internal from public;
