-- Webhooks: the requests that pg_net sends, and what they are for.
--
-- pg_net keeps the URL of a request only until it has been answered, and the answer only with the
-- request's id. What a request was for is learned from, in this order:
--   label_request()             who made it said so
--   supabase_functions.hooks    a database webhook made in Studio made it
--   net.http_request_queue      the heart saw it wait
-- What is left over is counted as one webhook of the kind unknown.
--
-- SECURITY DEFINER functions:
--   tocsin.label_request(…)  appends what a request is for; for the host's functions, as
--                            report_error() is

create table tocsin.webhooks (
  webhook_id text primary key,
  kind text not null,
  name text not null,
  project_id text not null default '',
  table_name text,
  method text,
  url text,
  failures_in_row int not null default 0,
  last_answered_at timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_status_code int,
  last_error text,
  first_seen_at timestamptz not null,
  constraint kind_is_how_it_is_known
    check (kind in ('database_webhook', 'labeled', 'seen', 'unknown'))
);

comment on table tocsin.webhooks is
  'The webhooks that pg_net called, and how each last fared. Written by the heart; '
  'tocsin.webhook_health says it in words. Forgotten 9 days after the last answer.';
comment on column tocsin.webhooks.webhook_id is
  'The webhook: made from its kind, name and project.';
comment on column tocsin.webhooks.kind is
  'How it is known: database_webhook (a trigger that Studio made), labeled (label_request()), seen '
  '(its request was seen waiting) or unknown (all others together).';
comment on column tocsin.webhooks.name is
  'Its name: "notify_shipping on public.orders", the label, or the method and the URL.';
comment on column tocsin.webhooks.project_id is
  'The project that label_request() named; else empty.';
comment on column tocsin.webhooks.table_name is 'The table of a database webhook.';
comment on column tocsin.webhooks.method is 'GET, POST or DELETE, if known.';
comment on column tocsin.webhooks.url is
  'Where it goes, if known: without credentials, query and what looks like a token.';
comment on column tocsin.webhooks.failures_in_row is 'How many failed since one succeeded.';
comment on column tocsin.webhooks.last_answered_at is
  'When pg_net last noted an answer or an error.';
comment on column tocsin.webhooks.last_success_at is 'When it last succeeded.';
comment on column tocsin.webhooks.last_failure_at is 'When it last failed.';
comment on column tocsin.webhooks.last_status_code is 'The last HTTP status; null: there was none.';
comment on column tocsin.webhooks.last_error is 'What the last failure said, redacted.';
comment on column tocsin.webhooks.first_seen_at is 'When the heart first heard of it.';

create table tocsin.webhook_metrics (
  webhook_id text not null references tocsin.webhooks (webhook_id) on delete cascade,
  minute timestamptz not null,
  request_count int not null,
  failure_count int not null,
  primary key (webhook_id, minute)
);

create index webhook_metrics_minute_idx on tocsin.webhook_metrics (minute);

comment on table tocsin.webhook_metrics is
  'How the requests of each webhook fared, by the minute in which the heart read the answer. Kept '
  '9 days.';
comment on column tocsin.webhook_metrics.webhook_id is 'The webhook.';
comment on column tocsin.webhook_metrics.minute is 'The minute''s beginning.';
comment on column tocsin.webhook_metrics.request_count is
  'Requests that were answered or given up.';
comment on column tocsin.webhook_metrics.failure_count is
  'Those with a status of 400 or more, a time-out or an error.';

create table tocsin_internal.request_labels (
  label_id bigint generated always as identity primary key,
  request_id bigint,
  name text,
  project_id text,
  labeled_at timestamptz default clock_timestamp()
);

create index request_labels_request_id_idx on tocsin_internal.request_labels (request_id);
create index request_labels_labeled_at_idx on tocsin_internal.request_labels (labeled_at);

comment on table tocsin_internal.request_labels is
  'What requests of pg_net are for, as label_request() was told. Kept a day.';
comment on column tocsin_internal.request_labels.label_id is 'The order of appending.';
comment on column tocsin_internal.request_labels.request_id is 'The request.';
comment on column tocsin_internal.request_labels.name is
  'What it is for; null: it is Tocsin''s own, and no webhook of anybody''s.';
comment on column tocsin_internal.request_labels.project_id is 'The project it is for, if any.';
comment on column tocsin_internal.request_labels.labeled_at is 'When that was said.';

create table tocsin_internal.waiting_requests (
  request_id bigint primary key,
  request_hash text not null,
  method text not null,
  url text not null,
  first_seen_at timestamptz not null
);

comment on table tocsin_internal.waiting_requests is
  'Requests that the heart saw in net.http_request_queue, up to 500.';
comment on column tocsin_internal.waiting_requests.request_id is 'The request.';
comment on column tocsin_internal.waiting_requests.request_hash is
  'A hash of its method and URL: after a crash another one may have its id.';
comment on column tocsin_internal.waiting_requests.method is 'GET, POST or DELETE.';
comment on column tocsin_internal.waiting_requests.url is 'Its URL, without its secrets.';
comment on column tocsin_internal.waiting_requests.first_seen_at is 'Since when it is seen.';

create table tocsin.request_waits (
  minute timestamptz primary key,
  waiting_count int not null,
  oldest_seconds double precision not null,
  is_up boolean not null
);

comment on table tocsin.request_waits is
  'The minutes in which requests of pg_net waited, or its worker was not there. Kept 9 days.';
comment on column tocsin.request_waits.minute is 'The minute''s beginning.';
comment on column tocsin.request_waits.waiting_count is
  'The most that waited; 2,000 means as many or more.';
comment on column tocsin.request_waits.oldest_seconds is
  'The longest that one had been seen to wait, in seconds.';
comment on column tocsin.request_waits.is_up is 'Whether the worker was there at any time.';

-- What a request is for ---------------------------------------------------------------------------

create function tocsin_internal.is_url_token(p_part text) returns boolean
language sql immutable set search_path = ''
as $$
  select p_part ~ '[@:=%]' or p_part ~ '^\d+$' or length(p_part) >= 40
    or p_part ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
    or p_part ~* '^[0-9a-f]{12,}$' and p_part ~ '\d'
    or length(p_part) >= 8 and p_part ~ '\d' and p_part ~ '[A-Z]'
    or length(p_part) >= 16 and (p_part ~ '\d.*\d.*\d' or p_part ~ '[a-z].*[A-Z].*[a-z]')
    or length(p_part) >= 24 and p_part !~ '[-_.]'
$$;

comment on function tocsin_internal.is_url_token(text) is
  'Whether a part of a URL''s path or host looks like an id or a secret, not like a word.';

create function tocsin_internal.webhook_url(p_url text) returns text
language sql immutable set search_path = ''
as $$
  select left(tocsin_internal.redact(
    coalesce(lower(u.parts[1]) || '://', '') || coalesce((
      select string_agg(case when tocsin_internal.is_url_token(label) and label !~ '^\d+$'
        then '*' else lower(label) end, '.' order by place)
      from unnest(string_to_array(u.parts[2], '.')) with ordinality as l (label, place)), '')
    || coalesce(u.parts[3], '') || coalesce((
      select string_agg(case when tocsin_internal.is_url_token(part) then '*' else part end, '/'
        order by place)
      from unnest(string_to_array(u.parts[4], '/')) with ordinality as p (part, place)), '')), 300)
  from (
    -- scheme, host, port and path; credentials, query and fragment are left where they were
    select regexp_match(left(p_url, 2000),
      '^(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:[^/?#]*@)?([^/?#:]*)(:\d+)?([^?#]*)') as parts
  ) as u
$$;

comment on function tocsin_internal.webhook_url(text) is
  'A URL as it may be shown: without credentials, query and fragment, with * for each part of the '
  'path or host that looks like an id or a token.';

create function tocsin.label_request(
  p_request_id bigint, p_name text, p_project_id text default ''
) returns bigint
language plpgsql security definer set search_path = ''
as $$
begin
  -- Not guarded, for a guard around a write is a subtransaction, and a trigger may call this for
  -- each of ten thousand rows: what it writes to cannot refuse, and may only be missing.
  if to_regclass('tocsin_internal.request_labels') is not null then
    insert into tocsin_internal.request_labels (request_id, name, project_id)
    values (p_request_id, left(coalesce(nullif(p_name, ''), 'unnamed'), 200),
      left(coalesce(p_project_id, ''), 200));
  end if;
  return p_request_id;
end
$$;

comment on function tocsin.label_request(bigint, text, text) is
  'Says what a request of pg_net is for, and returns its id: select '
  'tocsin.label_request(net.http_post(…), ''billing''). How it fares is then told under that name, '
  'to the project if one is given. It is part of your transaction, and never fails it. For the '
  'database''s own functions and service_role.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.webhooks enable row level security;
alter table tocsin.webhook_metrics enable row level security;
alter table tocsin_internal.request_labels enable row level security;
alter table tocsin_internal.waiting_requests enable row level security;
alter table tocsin.request_waits enable row level security;

create policy members_see_their_projects_webhooks on tocsin.webhooks
  for select to authenticated using (
    (select tocsin_internal.is_operator())
    or project_id <> '' and project_id in (select tocsin.my_project_ids())
  );
-- The policy of the webhook decides which the subquery can see.
create policy members_see_their_projects_webhooks on tocsin.webhook_metrics
  for select to authenticated using (
    exists (select from tocsin.webhooks w where w.webhook_id = webhook_metrics.webhook_id)
  );
create policy nobody_reads_it_through_the_api on tocsin_internal.request_labels using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.waiting_requests using (false);
-- no request is in it, only how many wait
create policy operators_see_waits on tocsin.request_waits
  for select to authenticated using ((select tocsin_internal.is_operator()));

revoke all on tocsin.webhooks, tocsin.webhook_metrics, tocsin_internal.request_labels,
  tocsin_internal.waiting_requests, tocsin.request_waits
  from public, anon, authenticated, service_role;
grant select on tocsin.webhooks, tocsin.webhook_metrics, tocsin.request_waits
  to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.label_request(bigint, text, text) from public, anon, authenticated;
grant execute on function tocsin.label_request(bigint, text, text) to service_role;
