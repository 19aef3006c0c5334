-- Access: who may see and change what.
--
-- A project's members see its figures, errors, alerts and deliveries. Editors also see and change
-- settings and channels. Admins also manage members. Operators see and change everything, and are
-- the only ones to see what belongs to no project (project '').
--
-- Membership is either a row in tocsin.project_members or comes live from a function of the host,
-- which a run source names (`members_function`), so that nothing has to be copied.
--
-- SECURITY DEFINER functions, each because it reads a table that its caller's RLS would hide, and
-- each answering only about the caller:
--   tocsin_internal.is_operator()                 reads tocsin.operators
--   tocsin_internal.listed_projects(member_role)  reads tocsin.project_members
-- The host's own functions are asked as the caller, never as the owner of Tocsin: one that leans on
-- RLS would otherwise answer with every project.
--
-- They are in plpgsql because it keeps their plans for the session. Each table in a query asks
-- them, and an SQL function would be planned anew each time, which takes longer than the answer.
--
-- user_id has no foreign key to auth.users: deleting a user must never wait for a lock of ours.
-- maintain() removes the rows of users who are gone.

create type tocsin.member_role as enum ('viewer', 'editor', 'admin');
comment on type tocsin.member_role is
  'What a member may do: viewer reads; editor also changes settings and channels; admin also '
  'members.';

create table tocsin.project_members (
  project_id text not null,
  user_id uuid not null,
  role tocsin.member_role not null default 'viewer',
  created_at timestamptz not null default clock_timestamp(),
  primary key (project_id, user_id)
);

create index project_members_user_id_idx on tocsin.project_members (user_id);

comment on table tocsin.project_members is
  'Who may see a project''s runs, errors and alerts. Written by operators, admins and the host.';
comment on column tocsin.project_members.project_id is 'The project, as its runs name it.';
comment on column tocsin.project_members.user_id is 'The user: auth.users.id.';
comment on column tocsin.project_members.role is 'viewer, editor or admin.';
comment on column tocsin.project_members.created_at is 'When the membership began.';

create table tocsin.operators (
  user_id uuid primary key,
  created_at timestamptz not null default clock_timestamp()
);

comment on table tocsin.operators is
  'Users who see and change everything in Tocsin. The first one is named to tocsin.setup().';
comment on column tocsin.operators.user_id is 'The user: auth.users.id.';
comment on column tocsin.operators.created_at is 'Since when.';

create table tocsin_internal.invited_operators (
  email text primary key,
  invited_at timestamptz not null default clock_timestamp()
);

comment on table tocsin_internal.invited_operators is
  'Operators named to setup() before they signed up. The heart makes them operators as soon as '
  'a user with that confirmed address exists.';
comment on column tocsin_internal.invited_operators.email is 'The address, in lower case.';
comment on column tocsin_internal.invited_operators.invited_at is 'When setup() named it.';

-- Who the caller is -------------------------------------------------------------------------------

create function tocsin_internal.is_operator() returns boolean
language plpgsql stable security definer set search_path = ''
as $$
begin
  return exists (select from tocsin.operators where user_id = (select auth.uid()));
end
$$;

comment on function tocsin_internal.is_operator() is
  'Whether the signed-in caller is an operator. False when nobody is signed in.';

create function tocsin_internal.is_trusted() returns boolean
language sql stable set search_path = ''
as $$
  -- who called is known in a function that runs as its owner as well. Whatever else a host calls
  -- its roles, and grants authenticated to, is an ordinary user.
  select pg_catalog.pg_has_role(c.role, n.nspowner, 'member')
    or pg_catalog.pg_has_role(c.role, 'service_role', 'member')
  from (
    select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name as role
  ) as c
  join pg_catalog.pg_namespace n on n.nspname = 'tocsin_internal'
$$;

comment on function tocsin_internal.is_trusted() is
  'Whether the caller is the service or the owner of Tocsin, whom no policy holds. False for '
  'whoever is signed in.';

create function tocsin_internal.listed_projects(p_role tocsin.member_role) returns setof text
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  select project_id from tocsin.project_members
  where user_id = (select auth.uid()) and role >= p_role;
end
$$;

comment on function tocsin_internal.listed_projects(tocsin.member_role) is
  'The projects in which tocsin.project_members gives the signed-in caller at least p_role.';

-- Generated anew by watch_runs() from the sources that name a function of the host.
create function tocsin_internal.host_projects(p_role tocsin.member_role) returns setof text
language plpgsql stable set search_path = ''
as $$ begin end $$;

comment on function tocsin_internal.host_projects(tocsin.member_role) is
  'The projects in which the host''s own membership functions give the caller at least p_role.';

create function tocsin.my_project_ids(p_role tocsin.member_role default 'viewer')
returns setof text
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select listed_projects from tocsin_internal.listed_projects(p_role)
  union
  select host_projects from tocsin_internal.host_projects(p_role);
end
$$;

comment on function tocsin.my_project_ids(tocsin.member_role) is
  'The projects in which the signed-in caller has at least p_role (viewer, editor or admin).';

create function tocsin_internal.accept_invited_operators() returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not exists (select from tocsin_internal.invited_operators) then
    return 0;
  end if;

  -- An unconfirmed address proves nothing: anybody could have signed up with it.
  with accepted as (
    delete from tocsin_internal.invited_operators i
    using auth.users u
    where lower(u.email) = i.email and u.email_confirmed_at is not null
    returning u.id
  )
  insert into tocsin.operators (user_id)
  select id from accepted
  on conflict (user_id) do nothing;

  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.accept_invited_operators() is
  'Makes invited addresses operators once they have signed up and confirmed. A stage of the heart.';

-- Row-level security ------------------------------------------------------------------------------

alter table tocsin.project_members enable row level security;
alter table tocsin.operators enable row level security;
alter table tocsin_internal.invited_operators enable row level security;

create policy members_see_their_own_and_admins_all on tocsin.project_members
  for select to authenticated using (
    user_id = (select auth.uid())
    or (select tocsin_internal.is_operator())
    or project_id in (select tocsin.my_project_ids('admin'))
  );
create policy admins_add_members on tocsin.project_members
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('admin'))
  );
create policy admins_change_members on tocsin.project_members
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('admin'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('admin'))
  );
create policy admins_remove_members on tocsin.project_members
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('admin'))
  );

create policy operators_see_operators on tocsin.operators
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy operators_add_operators on tocsin.operators
  for insert to authenticated with check ((select tocsin_internal.is_operator()));
create policy operators_remove_operators on tocsin.operators
  for delete to authenticated using ((select tocsin_internal.is_operator()));

create policy nobody_reads_it_through_the_api on tocsin_internal.invited_operators using (false);

-- Privileges --------------------------------------------------------------------------------------

revoke all on tocsin.project_members, tocsin.operators, tocsin_internal.invited_operators
  from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.project_members to authenticated, service_role;
grant select, insert, delete on tocsin.operators to authenticated, service_role;

revoke all on all functions in schema tocsin_internal
  from public, anon, authenticated, service_role;
revoke all on function tocsin.my_project_ids(tocsin.member_role) from public, anon;
grant execute on function tocsin.my_project_ids(tocsin.member_role) to authenticated, service_role;
grant execute on function tocsin_internal.is_operator(), tocsin_internal.is_trusted()
  to authenticated, service_role;
grant execute on function tocsin_internal.listed_projects(tocsin.member_role)
  to authenticated, service_role;
grant execute on function tocsin_internal.host_projects(tocsin.member_role)
  to authenticated, service_role;
