-- What Supabase grants when `postgres` creates pg_cron, which a superuser owns: everything but
-- writing cron.job. Run by the superuser before migrations are pushed.

create extension pg_cron;

grant usage on schema cron to postgres with grant option;
grant all on all functions in schema cron to postgres with grant option;
grant all on all tables in schema cron to postgres with grant option;
revoke all on table cron.job from postgres;
grant select on table cron.job to postgres with grant option;
