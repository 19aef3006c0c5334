-- Redaction rules: what people add to what redact() knows: further names of secrets, patterns, and
-- email and IP addresses, for one project or for all.
--
-- They are applied after the built-in rules, to messages, stacks, metadata and steps, before
-- anything is stored. A user id that a rule hides keeps a mark of its own, so that users can still
-- be counted.
--
-- Errors: TC025, TC030 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create type tocsin.redaction_kind as enum ('key', 'pattern', 'email', 'ip');
comment on type tocsin.redaction_kind is
  'What a redaction rule hides: the value of a key (key), what matches a regular expression '
  '(pattern), email addresses, IP addresses.';

create table tocsin.redaction_rules (
  rule_id uuid primary key default gen_random_uuid(),
  project_id text,
  name text not null,
  kind tocsin.redaction_kind not null,
  value text,
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_rule_has_a_name check (name ~ '[A-Za-z0-9]' and length(name) <= 100),
  constraint keys_and_patterns_have_a_value
    check ((kind in ('key', 'pattern')) = (value is not null)),
  constraint a_key_is_a_plain_name
    check (kind <> 'key' or value ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$')
);

create index redaction_rules_project_id_idx on tocsin.redaction_rules (project_id);

comment on table tocsin.redaction_rules is
  'Your own rules of redaction, beside the built-in ones. They are for what comes in from now on. '
  'At most 20 for a project, and 20 for all projects.';
comment on column tocsin.redaction_rules.rule_id is 'The rule.';
comment on column tocsin.redaction_rules.project_id is
  'The project it is for. Null: for every project (operators only).';
comment on column tocsin.redaction_rules.name is
  'What people call it; what a pattern hides is told as [redacted:name].';
comment on column tocsin.redaction_rules.kind is 'key, pattern, email or ip.';
comment on column tocsin.redaction_rules.value is
  'The key''s name (account_number, which is accountNumber as well), or the regular expression, '
  'which ignores case. Null for email and ip.';
comment on column tocsin.redaction_rules.is_enabled is 'Off: not applied.';
comment on column tocsin.redaction_rules.created_at is 'When it was made.';
comment on column tocsin.redaction_rules.updated_at is 'When it was last changed.';

create function tocsin_internal.check_redaction_rule() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if new.kind = 'pattern' then
    perform tocsin_internal.refuse_bad_pattern(new.value);
  end if;
  if (select count(*) from tocsin.redaction_rules r
      where r.project_id is not distinct from new.project_id and r.rule_id <> new.rule_id) >= 20
  then
    raise exception 'There are 20 redaction rules for % already',
      coalesce('the project "' || new.project_id || '"', 'all projects')
      using errcode = 'TC025', hint = 'Each is tried on every error. Make one pattern of several.';
  end if;
  new.updated_at := clock_timestamp();
  return new;
end
$$;

comment on function tocsin_internal.check_redaction_rule() is
  'Trigger of redaction_rules: refuses bad patterns (TC030), and more than 20 (TC025).';

create trigger redaction_rules_check before insert or update on tocsin.redaction_rules
  for each row execute function tocsin_internal.check_redaction_rule();

-- Applying them -----------------------------------------------------------------------------------

create type tocsin_internal.own_redaction as (keys text[], patterns text[], replacements text[]);
comment on type tocsin_internal.own_redaction is
  'The rules of people for one project: keys in lower case without dashes, and regular expressions '
  'with what is told instead.';

create function tocsin_internal.own_redaction(p_project_id text)
returns tocsin_internal.own_redaction
language sql stable set search_path = ''
as $$
  select row(
    array_agg(regexp_replace(lower(value), '[^a-z0-9]', '', 'g')) filter (where kind = 'key'),
    array_agg(case kind
      when 'pattern' then value
      when 'email' then '[\w.+-]+@[\w-]+(?:\.[\w-]+)+'
      when 'ip' then '(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\M'
        '(?!\.\d)|(?:\m[0-9a-f]{1,4}:){3,7}:?[0-9a-f]{1,4}\M'
        '|(?:\m[0-9a-f]{1,4})?::(?:[0-9a-f]{1,4}:){0,5}[0-9a-f]{1,4}\M'
      else '((?:^|[^a-z0-9])' || regexp_replace(value, '[_.-]+', '[_.-]?', 'g')
        || '(?:\\*["''])?\s*(?:=>|[:=])\s*)(?!\[redacted)(?:"(?:[^"\\]|\\.)*(?:"|$)|''[^'']*'
        || '(?:''|$)|[^\s,;&"''<>)}\]\\]+)' end order by kind, rule_id),
    array_agg(case kind when 'key' then '\1[redacted:secret]'
      when 'pattern' then '[redacted:'
        || btrim(left(regexp_replace(lower(name), '[^a-z0-9]+', '_', 'g'), 40), '_') || ']'
      else '[redacted:' || kind || ']' end order by kind, rule_id)
  )::tocsin_internal.own_redaction
  from tocsin.redaction_rules
  where is_enabled and (project_id is null or project_id = p_project_id)
  having count(*) > 0
$$;

comment on function tocsin_internal.own_redaction(text) is
  'The rules of people that are applied to what belongs to the project; null when there are none.';

create function tocsin_internal.redact_own(
  p_text text, p_own tocsin_internal.own_redaction
) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := p_text;
begin
  for i in 1 .. coalesce(cardinality(p_own.patterns), 0) loop
    v_text := regexp_replace(v_text, p_own.patterns[i], p_own.replacements[i], 'gi');
  end loop;
  return v_text;
end
$$;

comment on function tocsin_internal.redact_own(text, tocsin_internal.own_redaction) is
  'The text with what the rules of people hide replaced.';

create function tocsin_internal.redact_own_json(
  p_json jsonb, p_own tocsin_internal.own_redaction
) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  case jsonb_typeof(p_json)
    when 'object' then
      return coalesce((
        select jsonb_object_agg(tocsin_internal.redact_own(key, p_own), case
          when value <> 'null'
            and regexp_replace(lower(key), '[^a-z0-9]', '', 'g') = any (p_own.keys)
            then '"[redacted:secret]"'
          else tocsin_internal.redact_own_json(value, p_own) end)
        from jsonb_each(p_json)), '{}');
    when 'array' then
      return coalesce((
        select jsonb_agg(tocsin_internal.redact_own_json(value, p_own) order by place)
        from jsonb_array_elements(p_json) with ordinality as e (value, place)), '[]');
    when 'string' then
      return to_jsonb(tocsin_internal.redact_own(p_json #>> '{}', p_own));
    when 'number' then
      return case when tocsin_internal.redact_own(p_json::text, p_own) = p_json::text then p_json
        else to_jsonb(tocsin_internal.redact_own(p_json::text, p_own)) end;
    else
      return p_json;
  end case;
end
$$;

comment on function tocsin_internal.redact_own_json(jsonb, tocsin_internal.own_redaction) is
  'The json with what the rules of people hide replaced, in keys and in values.';

create function tocsin_internal.redact_user(
  p_user_id text, p_own tocsin_internal.own_redaction
) returns text
language sql immutable set search_path = ''
as $$
  select case when told = p_user_id then p_user_id
    else left(told, 100) || ' '
      || left(encode(sha256(convert_to(p_user_id, 'UTF8')), 'hex'), 12) end
  from (select tocsin_internal.redact_own(p_user_id, p_own)) as r (told)
$$;

comment on function tocsin_internal.redact_user(text, tocsin_internal.own_redaction) is
  'The id of a user; when a rule hides it, what is told instead, with a mark that tells users '
  'apart.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.redaction_rules enable row level security;

create policy members_see_redaction_rules on tocsin.redaction_rules
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id is null
    or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_redaction_rules on tocsin.redaction_rules
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_redaction_rules on tocsin.redaction_rules
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_redaction_rules on tocsin.redaction_rules
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.redaction_rules from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.redaction_rules to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
