-- Redacting errors: the texts of an error, redacted and cut to their bounds, before it is stored.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.cut_text(p_text text, p_bytes int) returns text
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_bytes bytea;
  v_end int := p_bytes - 6;
begin
  if p_text is null or octet_length(p_text) <= p_bytes then
    return p_text;
  end if;
  v_bytes := convert_to(left(p_text, p_bytes), 'UTF8');
  -- no half of a character
  while get_byte(v_bytes, v_end) between 128 and 191 loop
    v_end := v_end - 1;
  end loop;
  return convert_from(substring(v_bytes for v_end), 'UTF8') || ' [cut]';
end
$$;

comment on function tocsin_internal.cut_text(text, int) is
  'The text, or as much of its beginning as fits into so many bytes, with a mark that it was cut.';

create function tocsin_internal.redact_texts(
  p_texts text[], p_bytes int, p_milliseconds int default 700
) returns text[]
language plpgsql set search_path = ''
as $$
declare
  v_until constant timestamptz := clock_timestamp() + make_interval(secs => p_milliseconds / 1e3);
  v_told text[] := '{}';
  v_some text[];
  v_all text;
  v_clean boolean;
  v_text text;
begin
  for i in 1 .. coalesce(cardinality(p_texts), 0) by 50 loop
    v_some := p_texts[i : i + 49];
    v_all := array_to_string(v_some, chr(10));
    -- most texts hold no secret, and many are looked at faster than each
    v_clean := octet_length(v_all) <= 65536 and not tocsin_internal.may_hold_secret(v_all);
    if v_clean and octet_length(v_all) <= p_bytes then
      v_told := v_told || v_some;
      continue;
    end if;
    foreach v_text in array v_some loop
      -- a secret that the cut divides would not be known for one: cut after redacting
      if length(v_text) > p_bytes then
        v_text := left(v_text, p_bytes * 3 / 2);
      end if;
      if not v_clean then
        if length(v_text) > 500 and clock_timestamp() > v_until then
          -- texts made to slow redaction down must not stop the heart: their beginnings will do
          v_text := left(v_text, 500) || ' [cut: redaction took too long]';
        end if;
        v_text := tocsin_internal.redact(v_text);
      end if;
      v_told := v_told || tocsin_internal.cut_text(v_text, p_bytes);
    end loop;
  end loop;
  return v_told;
end
$$;

comment on function tocsin_internal.redact_texts(text[], int, int) is
  'Each text redacted and cut to p_bytes. When it has taken longer than p_milliseconds, only the '
  'first 500 characters of the others are kept.';

create function tocsin_internal.redact_report(
  p_error tocsin_internal.reported_errors, p_only_own boolean default false
) returns tocsin_internal.reported_errors
language plpgsql set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors := p_error;
  v_own tocsin_internal.own_redaction;
  v_texts text[];
begin
  if exists (select from tocsin.redaction_rules where is_enabled) then
    v_own := tocsin_internal.own_redaction(coalesce(p_error.project_id, ''));
  end if;
  if p_only_own and v_own.patterns is null then
    return p_error;
  end if;
  v_error.message := (tocsin_internal.redact_texts(array[v_error.message], 8192))[1];
  if v_error.stack is not null then
    v_error.stack := (tocsin_internal.redact_texts(array[v_error.stack], 32768))[1];
  end if;
  if v_error.metadata is not null then
    v_error.metadata := tocsin_internal.redact_metadata(v_error.metadata);
  end if;
  v_texts := array[left(v_error.workflow_name, 200), left(v_error.node, 200),
    left(v_error.user_id, 200), left(v_error.component, 200), left(v_error.environment, 100),
    left(v_error.release, 200), left(v_error.exception, 200)];
  if tocsin_internal.may_hold_secret(array_to_string(v_texts, ' ')) then
    v_texts := tocsin_internal.redact_texts(v_texts, 800);
  end if;

  if v_own.patterns is not null then
    v_error.message := tocsin_internal.cut_text(
      tocsin_internal.redact_own(v_error.message, v_own), 8192);
    v_error.stack := tocsin_internal.cut_text(
      tocsin_internal.redact_own(v_error.stack, v_own), 32768);
    v_error.metadata := tocsin_internal.redact_own_json(v_error.metadata, v_own);
    if octet_length(v_error.metadata::text) > 65536 then
      v_error.metadata := tocsin_internal.cut_json(v_error.metadata, 2, 100, 20);
    end if;
    for i in 1 .. cardinality(v_texts) loop
      v_texts[i] := case when i = 3 then tocsin_internal.redact_user(v_texts[i], v_own)
        else tocsin_internal.redact_own(v_texts[i], v_own) end;
    end loop;
  end if;
  v_error.workflow_name := v_texts[1];
  v_error.node := v_texts[2];
  v_error.user_id := v_texts[3];
  v_error.component := v_texts[4];
  v_error.environment := v_texts[5];
  v_error.release := v_texts[6];
  v_error.exception := v_texts[7];
  v_error.is_redacted := true;
  return v_error;
end
$$;

comment on function tocsin_internal.redact_report(tocsin_internal.reported_errors, boolean) is
  'The error with all its texts redacted, by the built-in rules and by those of people. With '
  'p_only_own it is left as it is when people have no rules for its project.';

create function tocsin_internal.redact_as_people_say(
  p_errors tocsin_internal.reported_errors[]
) returns tocsin_internal.reported_errors[]
language plpgsql set search_path = ''
as $$
declare
  v_told tocsin_internal.reported_errors[] := '{}';
  v_error tocsin_internal.reported_errors;
begin
  if not exists (select from tocsin.redaction_rules where is_enabled) then
    return p_errors;
  end if;
  foreach v_error in array p_errors loop
    v_told := v_told || case when v_error.is_redacted then v_error
      else tocsin_internal.redact_report(v_error, true) end;
  end loop;
  return v_told;
end
$$;

comment on function tocsin_internal.redact_as_people_say(tocsin_internal.reported_errors[]) is
  'The errors, with those redacted to whose projects rules of people apply.';

revoke all on all functions in schema tocsin_internal from public;
