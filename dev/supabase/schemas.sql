-- The schemas a new Supabase database has, who may use them, and what new objects in `public`
-- grant to the API roles. Run once in a new database, by its superuser `supabase_admin`.

alter database postgres owner to postgres;

grant usage on schema public to postgres, anon, authenticated, service_role;
grant all on schema public to postgres;

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres;
create extension pgcrypto with schema extensions;
create extension "uuid-ossp" with schema extensions;

-- On Supabase the migrations' history belongs to the role that pushes them.
create schema supabase_migrations authorization postgres;

-- Supabase opens `public` to the API by default; other schemas get nothing.
alter default privileges for role postgres in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to anon, authenticated, service_role;

create publication supabase_realtime;
