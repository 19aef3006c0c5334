-- Forwarding: stored errors go on to Sentry, to what speaks its protocol, and to Rollbar.
--
-- What is to be forwarded is written down in the transaction that stores the error, by
-- store_errors(), which the heart calls: never in the transaction of whoever failed. Both are
-- committed or neither is, so there is no cursor that could pass a row that commits late.
--
-- tocsin.forwardings is the queue and the only truth: claimed with SKIP LOCKED under a lease, sent,
-- recorded. At least once, always under the same event id, by which a receiver knows a repetition.
--
-- SECURITY DEFINER functions: none.

create table tocsin.forwarders (
  forwarder text primary key,
  is_enabled boolean not null default true,
  min_severity tocsin.severity not null default 'low',
  sources tocsin.error_source[],
  project_ids text[],
  with_ignored boolean not null default false,
  with_sampled_out boolean not null default false,
  description text not null,
  constraint forwarders_have_short_names check (forwarder ~ '^[a-z][a-z0-9_]{1,30}$')
);

comment on table tocsin.forwarders is
  'Where errors are forwarded to, and which. Each begins when the functions hold its secret. '
  'Operators change all but the name.';
comment on column tocsin.forwarders.forwarder is 'sentry or rollbar.';
comment on column tocsin.forwarders.is_enabled is
  'False: nothing is forwarded, whatever secrets there are.';
comment on column tocsin.forwarders.min_severity is 'Errors of a lower severity are not forwarded.';
comment on column tocsin.forwarders.sources is 'Only errors of these sources; null: of all.';
comment on column tocsin.forwarders.project_ids is
  'Only errors of these projects, '''' being none; null: of all.';
comment on column tocsin.forwarders.with_ignored is 'Errors of ignored groups too.';
comment on column tocsin.forwarders.with_sampled_out is
  'Errors too that a spike left without message, stack and metadata.';
comment on column tocsin.forwarders.description is 'What it is, and its secret.';

insert into tocsin.forwarders (forwarder, description) values
  ('sentry', 'Sentry, GlitchTip or whatever takes Sentry''s envelopes: the secret SENTRY_DSN.'),
  ('rollbar', 'Rollbar: the secret ROLLBAR_ACCESS_TOKEN.');

create table tocsin.forwarder_states (
  forwarder text primary key references tocsin.forwarders (forwarder) on delete cascade,
  is_configured boolean not null default false,
  problem text,
  called_at timestamptz,
  paused_until timestamptz,
  failure_count int not null default 0,
  last_error text,
  last_failed_at timestamptz,
  last_forwarded_at timestamptz
);

comment on table tocsin.forwarder_states is
  'How each forwarder fares. Written by tocsin-notify; seen by operators.';
comment on column tocsin.forwarder_states.forwarder is 'The forwarder.';
comment on column tocsin.forwarder_states.is_configured is 'The functions hold its secret.';
comment on column tocsin.forwarder_states.problem is
  'Why the secret cannot be used; its errors wait until it can.';
comment on column tocsin.forwarder_states.called_at is
  'When tocsin-notify last said so, to the minute.';
comment on column tocsin.forwarder_states.paused_until is
  'Nothing is sent before then: the receiver asked for it, or did not answer.';
comment on column tocsin.forwarder_states.failure_count is
  'How often in a row it failed as a whole; while it is not 0, one error at a time is tried.';
comment on column tocsin.forwarder_states.last_error is 'Why it failed or paused last.';
comment on column tocsin.forwarder_states.last_failed_at is 'When.';
comment on column tocsin.forwarder_states.last_forwarded_at is 'When an error last arrived.';

insert into tocsin.forwarder_states (forwarder) select forwarder from tocsin.forwarders;

create type tocsin.forwarding_state as enum ('pending', 'sending', 'forwarded', 'dead');
comment on type tocsin.forwarding_state is
  'pending: due at next_attempt_at; sending: claimed until then; forwarded; dead: given up.';

create table tocsin.forwardings (
  forwarder text not null,
  error_id uuid not null,
  project_id text not null,
  ingested_at timestamptz not null,
  event_id uuid not null,
  state tocsin.forwarding_state not null default 'pending',
  attempt_count int not null default 0,
  next_attempt_at timestamptz not null,
  http_status int,
  last_error text,
  forwarded_at timestamptz,
  created_at timestamptz not null,
  primary key (forwarder, error_id, project_id)
) with (
  -- A queue as well: most of its rows are written three times within seconds.
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 5000
);

create index forwardings_forwarder_next_attempt_at_idx on tocsin.forwardings
  (forwarder, next_attempt_at) where state in ('pending', 'sending');
create index forwardings_forwarder_created_at_idx on tocsin.forwardings (forwarder, created_at)
  where state = 'dead';
create index forwardings_created_at_idx on tocsin.forwardings (created_at);
create index forwardings_project_id_created_at_idx on tocsin.forwardings
  (project_id, created_at desc);

comment on table tocsin.forwardings is
  'Each error for each forwarder, and how it fared. Written when the error is stored, and by '
  'tocsin-notify; kept as long as tocsin.retention says.';
comment on column tocsin.forwardings.forwarder is 'The forwarder.';
comment on column tocsin.forwardings.error_id is 'The error: tocsin.error_metrics.';
comment on column tocsin.forwardings.project_id is 'Its project.';
comment on column tocsin.forwardings.ingested_at is 'When the error was stored.';
comment on column tocsin.forwardings.event_id is
  'What the receiver calls it, without the dashes; the same in every attempt. It is the error_id, '
  'but where another project has an error of that id.';
comment on column tocsin.forwardings.state is 'pending, sending, forwarded or dead.';
comment on column tocsin.forwardings.attempt_count is 'How many attempts were begun.';
comment on column tocsin.forwardings.next_attempt_at is
  'When it is due; while sending, when the sender is given up.';
comment on column tocsin.forwardings.http_status is 'The receiver''s last answer; null: none.';
comment on column tocsin.forwardings.last_error is 'Why the last attempt failed.';
comment on column tocsin.forwardings.forwarded_at is 'When it arrived.';
comment on column tocsin.forwardings.created_at is 'When it was decided to forward it.';

insert into tocsin.retention (record, keep_for, description)
values ('forwardings', '7 days', 'Errors that were forwarded, and dead ones, by when they came.');

-- The heart's part --------------------------------------------------------------------------------

create view tocsin_internal.forwardable_errors with (security_invoker = true) as
select f.forwarder, e.error_id, e.project_id, e.ingested_at,
  -- one Sentry takes the errors of all projects, and keeps one event of an id
  case when exists (
      select from tocsin_internal.seen_errors s
      where s.error_id = e.error_id and s.project_id <> e.project_id)
    then encode(substring(sha256(convert_to(e.project_id || chr(31) || e.error_id, 'UTF8'))
      for 16), 'hex')::uuid
    else e.error_id end as event_id
from tocsin.forwarders f
join tocsin.error_metrics e on e.severity >= f.min_severity
  and (f.sources is null or e.source = any (f.sources))
  and (f.project_ids is null or e.project_id = any (f.project_ids))
  and (f.with_ignored or not e.is_ignored)
  and (f.with_sampled_out or not e.is_sampled_out)
where f.is_enabled;

comment on view tocsin_internal.forwardable_errors is
  'The stored errors that the settings of each forwarder let through. A view, since it is asked in '
  'bulk and a function would cost more than the rest.';
comment on column tocsin_internal.forwardable_errors.forwarder is 'The forwarder.';
comment on column tocsin_internal.forwardable_errors.error_id is 'The error.';
comment on column tocsin_internal.forwardable_errors.project_id is 'Its project.';
comment on column tocsin_internal.forwardable_errors.ingested_at is 'When it was stored.';
comment on column tocsin_internal.forwardable_errors.event_id is
  'What the receivers call it: its id, but where another project has one of that id.';

create function tocsin_internal.queue_forwardings(p_error_ids uuid[], p_now timestamptz)
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_count bigint;
begin
  perform pg_advisory_xact_lock_shared(hashtext('tocsin'), hashtext('forwarders'));
  if not exists (
    select from tocsin.forwarders f join tocsin.forwarder_states s using (forwarder)
    where f.is_enabled and s.is_configured)
  then
    return 0;
  end if;
  insert into tocsin.forwardings (forwarder, error_id, project_id, ingested_at, event_id,
    next_attempt_at, created_at)
  select e.forwarder, e.error_id, e.project_id, e.ingested_at, e.event_id, p_now, p_now
  from tocsin.forwarder_states s
  join tocsin_internal.forwardable_errors e on e.forwarder = s.forwarder
    and e.error_id = any (p_error_ids) and e.ingested_at = p_now
  where s.is_configured
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.queue_forwardings(uuid[], timestamptz) is
  'Notes which of the errors that are being stored are to be forwarded. Called by store_errors(). '
  'Returns how many.';

create function tocsin_internal.is_forwarding_due(p_now timestamptz) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
      select from tocsin.forwarders f join tocsin.forwarder_states s using (forwarder)
      where f.is_enabled and s.is_configured and s.problem is null
        and (s.paused_until is null or s.paused_until <= p_now)
        and exists (
          select from tocsin.forwardings w
          where w.forwarder = f.forwarder and w.state in ('pending', 'sending')
            and w.next_attempt_at <= p_now))
    -- whether a secret is there, or was mended, is only known by asking: at most every five minutes
    or coalesce((select i.last_doorbell_at from tocsin_internal.installation i), '-infinity')
        < p_now - interval '5 minutes'
      and exists (
        select from tocsin.forwarders f join tocsin.forwarder_states s using (forwarder)
        where f.is_enabled and (
          not s.is_configured and exists (
            select from tocsin_internal.seen_errors e
            where e.seen_at > coalesce(s.called_at, p_now - interval '1 hour'))
          or (s.problem is not null or not s.is_configured) and exists (
            select from tocsin.forwardings w
            where w.forwarder = f.forwarder and w.state in ('pending', 'sending'))))
$$;

comment on function tocsin_internal.is_forwarding_due(timestamptz) is
  'Whether tocsin-notify is to be rung for forwarding: something is due, or errors came and it is '
  'not known whether a forwarder''s secret is there.';

create function tocsin_internal.prune_forwardings(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with gone as (
    delete from tocsin.forwardings w where (w.forwarder, w.error_id, w.project_id) in (
      select o.forwarder, o.error_id, o.project_id from tocsin.forwardings o
      where o.created_at < p_now - case when o.state in ('forwarded', 'dead')
          then tocsin_internal.kept_for('forwardings')
          -- its error is no longer there
          else tocsin_internal.kept_for('error_metrics') + interval '2 days' end
      order by o.created_at limit p_limit)
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_forwardings(timestamptz, int) is
  'Drops what was forwarded or given up when tocsin.retention says so. A step of maintain().';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.forwarders enable row level security;
alter table tocsin.forwarder_states enable row level security;
alter table tocsin.forwardings enable row level security;

create policy operators_see_forwarders on tocsin.forwarders
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy operators_change_forwarders on tocsin.forwarders
  for update to authenticated using ((select tocsin_internal.is_operator()))
  with check ((select tocsin_internal.is_operator()));
create policy operators_see_how_forwarders_fare on tocsin.forwarder_states
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy members_see_their_projects_forwardings on tocsin.forwardings
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin.forwarders, tocsin.forwarder_states, tocsin.forwardings,
  tocsin_internal.forwardable_errors from public, anon, authenticated, service_role;
grant select, update on tocsin.forwarders to authenticated, service_role;
grant select on tocsin.forwarder_states, tocsin.forwardings to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
