-- Silences: what people do not want to hear about until a given time, such as during maintenance.
--
-- A silence keeps what it matches from being told, for good: it is decided as silenced, and nothing
-- is told when the silence ends, but that an alert which still fires then is repeated. A project's
-- silence is for the project's own settings, so that no project can silence the operators; one of
-- no project is the operators', and is for every setting.
--
-- SECURITY DEFINER functions: none.
-- Errors: TC012 (docs/reference/errors.md).

create table tocsin.silences (
  silence_id uuid primary key default gen_random_uuid(),
  project_id text,
  reason text not null,
  setting_id uuid references tocsin.alert_settings (setting_id) on delete cascade,
  kind text references tocsin.alert_kinds (kind) on update cascade on delete cascade,
  project_pattern text not null default '*',
  workflow_pattern text not null default '*',
  node_pattern text not null default '*',
  max_severity tocsin.severity not null default 'high',
  starts_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz not null default clock_timestamp() + interval '1 hour',
  created_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_silence_has_a_reason check (reason ~ '\S' and length(reason) <= 500),
  constraint a_silence_ends_after_it_starts check (ends_at > starts_at),
  constraint a_silence_ends_within_a_year check (ends_at <= starts_at + interval '366 days'),
  constraint patterns_are_short check (greatest(length(project_pattern), length(workflow_pattern),
    length(node_pattern)) between 1 and 200)
);

create index silences_project_id_idx on tocsin.silences (project_id);
create index silences_setting_id_idx on tocsin.silences (setting_id);
create index silences_kind_idx on tocsin.silences (kind);
create index silences_ends_at_idx on tocsin.silences (ends_at);

comment on table tocsin.silences is
  'What is not told until ends_at, such as during maintenance. What a silence matches has to match '
  'all of its columns; * in a pattern stands for any text.';
comment on column tocsin.silences.silence_id is 'The silence.';
comment on column tocsin.silences.project_id is
  'The project whose settings are silenced. Null: everybody''s (operators only).';
comment on column tocsin.silences.reason is 'Why, in words; decisions cite it.';
comment on column tocsin.silences.setting_id is 'The one setting that is silenced. Null: all.';
comment on column tocsin.silences.kind is 'The one kind that is silenced. Null: all.';
comment on column tocsin.silences.project_pattern is 'Which projects: team-* or a name.';
comment on column tocsin.silences.workflow_pattern is 'Which workflows: import-* or a name.';
comment on column tocsin.silences.node_pattern is
  'Failures at which step. Anything but * leaves alerts that have no step alone.';
comment on column tocsin.silences.max_severity is 'What is worse than this is told all the same.';
comment on column tocsin.silences.starts_at is 'When it begins.';
comment on column tocsin.silences.ends_at is 'When it ends; left out: in an hour.';
comment on column tocsin.silences.created_by is 'Who made it.';
comment on column tocsin.silences.created_at is 'When it was made.';
comment on column tocsin.silences.updated_at is 'When it was last changed.';

create function tocsin_internal.like_pattern(p_pattern text) returns text
language sql immutable parallel safe set search_path = ''
as $$ select replace(regexp_replace(p_pattern, '([\\%_])', '\\\1', 'g'), '*', '%') $$;

comment on function tocsin_internal.like_pattern(text) is
  'A pattern in which * stands for any text, as LIKE takes it.';

create function tocsin_internal.signed_in_user() returns uuid
language plpgsql stable set search_path = ''
as $$
begin
  return auth.uid();
exception when data_exception then
  return null; -- somebody else signs people in, or it is a service: it has no uuid
end
$$;

comment on function tocsin_internal.signed_in_user() is
  'The user who is signed in, to note who did something. Null: nobody, or no uuid names them.';

create function tocsin_internal.check_silence() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    -- nobody silences in another one's name
    new.created_by := coalesce(tocsin_internal.signed_in_user(), new.created_by);
  elsif tg_op = 'UPDATE' then
    new.created_by := old.created_by;
  end if;
  if new.setting_id is not null and new.project_id is not null and not exists (
    select from tocsin.alert_settings s
    where s.setting_id = new.setting_id and s.project_id = new.project_id
  ) then
    raise exception 'The setting of the silence "%" belongs to another project', new.reason
      using errcode = 'TC012', hint = 'Name a setting of the silence''s own project.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.check_silence() is
  'Trigger of silences: who made it, and that the setting is of the same project (TC012).';

create function tocsin_internal.keep_silence_in_its_project() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if new.project_id is distinct from old.project_id then
    raise exception 'The silence "%" cannot move to another project', old.reason
      using errcode = 'TC012', hint = 'Make a new one there, and delete this one.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.keep_silence_in_its_project() is
  'Trigger: silences stay in the project they were made for. Raises TC012.';

create trigger silences_check before insert or update on tocsin.silences
  for each row execute function tocsin_internal.check_silence();
create trigger silences_stay before update on tocsin.silences
  for each row execute function tocsin_internal.keep_silence_in_its_project();
create trigger silences_touch before update on tocsin.silences
  for each row execute function tocsin_internal.touch_updated_at();

create function tocsin_internal.matches_silence(
  p_silence tocsin.silences, p_setting tocsin.alert_settings,
  p_occurrence tocsin_internal.occurrence, p_at timestamptz
) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  if p_at < p_silence.starts_at or p_at >= p_silence.ends_at
    or p_silence.project_id <> coalesce(p_setting.project_id, '')
    or p_setting.project_id is null and p_silence.project_id is not null
    or p_silence.setting_id <> p_setting.setting_id
    or p_silence.kind <> p_setting.kind
    or p_occurrence.severity > p_silence.max_severity
    or p_silence.project_pattern <> '*' and p_occurrence.project_id
      not like tocsin_internal.like_pattern(p_silence.project_pattern)
    or p_silence.workflow_pattern <> '*' and p_occurrence.workflow_id
      not like tocsin_internal.like_pattern(p_silence.workflow_pattern)
  then
    return false;
  end if;
  return p_silence.node_pattern = '*' or p_occurrence.what = 'failure' and exists (
    select from tocsin.error_metrics e
    where e.error_id = p_occurrence.event_id and e.project_id = p_occurrence.project_id
      and e.ingested_at >= p_occurrence.at
      and e.node like tocsin_internal.like_pattern(p_silence.node_pattern));
end
$$;

comment on function tocsin_internal.matches_silence(tocsin.silences, tocsin.alert_settings,
  tocsin_internal.occurrence, timestamptz) is
  'Whether the silence keeps the setting from telling the occurrence at p_at.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.silences enable row level security;

create policy members_see_silences on tocsin.silences
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_silences on tocsin.silences
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_silences on tocsin.silences
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_silences on tocsin.silences
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.silences from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.silences to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.signed_in_user() to authenticated, service_role;
