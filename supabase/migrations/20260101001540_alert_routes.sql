-- Alert routes: rules that add channels to what settings tell.
--
-- A setting names its channels; a route adds one to whatever matches it: everything that is severe,
-- say. A project's route is for the project's own settings; one of no project is the operators',
-- and is for every setting.
--
-- SECURITY DEFINER functions: none.
-- Errors: TC012 (docs/reference/errors.md).

create table tocsin.alert_routes (
  route_id uuid primary key default gen_random_uuid(),
  project_id text,
  name text not null,
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  kind text references tocsin.alert_kinds (kind) on update cascade on delete cascade,
  min_severity tocsin.severity not null default 'low',
  workflow_pattern text not null default '*',
  labels jsonb not null default '{}',
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_route_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint labels_are_texts_by_name check (jsonb_typeof(labels) = 'object'
      and not labels @? '$.* ? (@.type() != "string")' and length(labels::text) <= 2000),
  constraint a_pattern_is_short check (length(workflow_pattern) between 1 and 200)
);

create index alert_routes_project_id_idx on tocsin.alert_routes (project_id);
create index alert_routes_channel_id_idx on tocsin.alert_routes (channel_id);
create index alert_routes_kind_idx on tocsin.alert_routes (kind);

comment on table tocsin.alert_routes is
  'Rules that add a channel to what settings tell: everything severe to this one, say.';
comment on column tocsin.alert_routes.route_id is 'The route.';
comment on column tocsin.alert_routes.project_id is
  'The project whose settings it adds to. Null: everybody''s (operators only).';
comment on column tocsin.alert_routes.name is 'What people call it.';
comment on column tocsin.alert_routes.channel_id is
  'The channel that it adds: of the same project.';
comment on column tocsin.alert_routes.kind is 'What a setting of this kind tells. Null: of any.';
comment on column tocsin.alert_routes.min_severity is 'What is at least so severe.';
comment on column tocsin.alert_routes.workflow_pattern is
  'What is about these workflows: import-* or a name; * stands for any text.';
comment on column tocsin.alert_routes.labels is
  'What has all of these labels, from its workflow or its setting (which goes before): {"team": '
  '"billing"}.';
comment on column tocsin.alert_routes.is_enabled is 'Off: adds nothing.';
comment on column tocsin.alert_routes.created_at is 'When it was made.';
comment on column tocsin.alert_routes.updated_at is 'When it was last changed.';

create function tocsin_internal.check_route() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if not exists (
    select from tocsin.alert_channels c
    where c.channel_id = new.channel_id and c.project_id is not distinct from new.project_id
  ) then
    raise exception 'The channel of the route "%" belongs to another project', new.name
      using errcode = 'TC012', hint = 'Make a channel for the route''s own project.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.check_route() is
  'Trigger of alert_routes: the channel is of the same project. Raises TC012.';

create trigger alert_routes_check before insert or update on tocsin.alert_routes
  for each row execute function tocsin_internal.check_route();
create trigger alert_routes_stay before update on tocsin.alert_routes
  for each row execute function tocsin_internal.refuse_to_move('route');
create trigger alert_routes_touch before update on tocsin.alert_routes
  for each row execute function tocsin_internal.touch_updated_at();

create function tocsin_internal.matches_route(
  p_route tocsin.alert_routes, p_setting tocsin.alert_settings, p_severity tocsin.severity,
  p_target tocsin_internal.target
) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return p_route.is_enabled
    and (p_route.project_id is null or p_route.project_id = p_setting.project_id)
    and (p_route.kind is null or p_route.kind = p_setting.kind)
    and p_severity >= p_route.min_severity
    and (p_route.workflow_pattern = '*' or (p_target).workflow_id
      like tocsin_internal.like_pattern(p_route.workflow_pattern))
    and (p_route.labels = '{}' or p_route.labels <@ (coalesce((
      select w.labels from tocsin.workflow_settings w
      where w.project_id = (p_target).project_id and w.workflow_id = (p_target).workflow_id), '{}')
      || p_setting.labels));
end
$$;

comment on function tocsin_internal.matches_route(tocsin.alert_routes, tocsin.alert_settings,
  tocsin.severity, tocsin_internal.target) is
  'Whether the route adds its channel to what the setting tells of a workflow.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.alert_routes enable row level security;

create policy members_see_routes on tocsin.alert_routes
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_routes on tocsin.alert_routes
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_routes on tocsin.alert_routes
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_routes on tocsin.alert_routes
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.alert_routes from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.alert_routes to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
