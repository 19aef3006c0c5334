-- Stand-in for pg_cron 1.6: the tables and functions of the real extension, without its scheduler.
-- dev/cron.ts reads cron.job and runs what is due. As awkward as the original: a superuser owns it,
-- `postgres` may only read cron.job, and cron.job_run_details grows without bound.
--
-- Definer functions: cron._save_job and cron._delete_job, because callers have no right to write
-- cron.job (the real ones are C and write it as the extension's owner).

create schema cron;

create sequence cron.jobid_seq;
create sequence cron.runid_seq;

create table cron.job (
  jobid bigint primary key default pg_catalog.nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default pg_catalog.inet_server_port(),
  database text not null default pg_catalog.current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);

create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default pg_catalog.nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);

alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

select pg_catalog.pg_extension_config_dump('cron.job', '');
select pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');
select pg_catalog.pg_extension_config_dump('cron.job_run_details', '');
select pg_catalog.pg_extension_config_dump('cron.runid_seq', '');

create function cron._check_schedule(p_schedule text) returns void
language plpgsql set search_path = '' as $$
begin
  if p_schedule is null
    or not (
      pg_catalog.btrim(p_schedule) ~* '^([1-9]|[1-5][0-9])\s+seconds?$'
      or pg_catalog.btrim(p_schedule)
        ~* '^@(reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)$'
      or pg_catalog.btrim(p_schedule) ~ '^([0-9a-zA-Z*/,$-]+\s+){4}[0-9a-zA-Z*/,$-]+$'
    )
  then
    raise exception 'invalid schedule: %', p_schedule
      using hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
end
$$;

create function cron._save_job(
  p_username text, p_name text, p_schedule text, p_command text, p_active boolean
) returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  v_job_id bigint;
begin
  perform cron._check_schedule(p_schedule);
  insert into cron.job as j (schedule, command, username, jobname, active)
  values (p_schedule, p_command, p_username, p_name, p_active)
  on conflict (jobname, username) do update
    set schedule = excluded.schedule, command = excluded.command, active = excluded.active
  returning j.jobid into v_job_id;
  perform pg_catalog.pg_notify('cron_job_cache', '');
  return v_job_id;
end
$$;

create function cron._delete_job(p_username text, p_job_id bigint, p_name text) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  delete from cron.job
  where (jobid = p_job_id or jobname = p_name) and username = p_username;
  if not found then
    raise exception 'could not find valid entry for job ''%''', coalesce(p_name, p_job_id::text);
  end if;
  perform pg_catalog.pg_notify('cron_job_cache', '');
  return true;
end
$$;

create function cron.schedule(schedule text, command text) returns bigint
language sql strict as $$
  select cron._save_job(current_user::text, null, schedule, command, true)
$$;
comment on function cron.schedule(text, text) is 'schedule a pg_cron job';

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql as $$
  select cron._save_job(current_user::text, job_name, schedule, command, true)
$$;
comment on function cron.schedule(text, text, text) is 'schedule a pg_cron job';

create function cron.unschedule(job_id bigint) returns boolean
language sql strict as $$
  select cron._delete_job(current_user::text, job_id, null)
$$;
comment on function cron.unschedule(bigint) is 'unschedule a pg_cron job';

create function cron.unschedule(job_name text) returns boolean
language sql strict as $$
  select cron._delete_job(current_user::text, null, job_name)
$$;
comment on function cron.unschedule(text) is 'unschedule a pg_cron job';

create function cron._alter_job(
  p_caller text, p_job_id bigint, p_schedule text, p_command text, p_active boolean
) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if p_schedule is not null then
    perform cron._check_schedule(p_schedule);
  end if;
  update cron.job
  set
    schedule = coalesce(p_schedule, schedule),
    command = coalesce(p_command, command),
    active = coalesce(p_active, active)
  where jobid = p_job_id and username = p_caller;
  if not found then
    raise exception 'Job % does not exist or you don''t own it', p_job_id;
  end if;
  perform pg_catalog.pg_notify('cron_job_cache', '');
end
$$;

create function cron.alter_job(
  job_id bigint, schedule text default null, command text default null,
  database text default null, username text default null, active boolean default null
) returns void
language plpgsql as $$
begin
  if database is not null or username is not null then
    raise exception 'the stand-in for pg_cron cannot change a job''s database or username'
      using hint = 'Unschedule the job and schedule it again.';
  end if;
  perform cron._alter_job(current_user::text, job_id, schedule, command, active);
end
$$;
comment on function cron.alter_job(bigint, text, text, text, text, boolean)
  is 'Alter the job identified by job_id. Any option left as NULL will not be modified.';

-- Privileges: first the extension's own, then what Supabase gives `postgres` after creating it.
grant select on cron.job to public;
grant select, delete on cron.job_run_details to public;
grant select on sequence cron.jobid_seq, cron.runid_seq to public;
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;

grant usage on schema cron to postgres with grant option;
grant all on all functions in schema cron to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;
grant select on cron.job to postgres with grant option;
