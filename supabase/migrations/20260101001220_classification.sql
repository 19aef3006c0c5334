-- Classification: what kind of error it is and how bad, by ordered rules.
--
-- The rules of people (tocsin.error_classifiers) are tried first, those of the event's project
-- before those for everything; then what the reporter said; then the built-in rules below, from the
-- surest evidence to the weakest: SQLSTATE, HTTP status, the exception's name, the message, what
-- told of it. All conditions of a rule must hold; patterns are regular expressions that ignore
-- case. docs/reference/errors-classification.md is the same table for people.
--
-- A rule without a severity gives the type's own. A run that failed is one level worse than the
-- same error that its run survived: work was lost.
--
-- Errors: TC030 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create table tocsin.error_classifiers (
  classifier_id uuid primary key default gen_random_uuid(),
  project_id text,
  name text not null,
  place int not null default 100,
  source tocsin.error_source,
  exception_pattern text,
  sqlstate_pattern text,
  http_from int,
  http_to int,
  message_pattern text,
  error_type tocsin.error_type,
  severity tocsin.severity,
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_classifier_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint a_classifier_decides_something check (num_nonnulls(error_type, severity) > 0),
  constraint a_classifier_has_a_condition check (num_nonnulls(source, exception_pattern,
    sqlstate_pattern, http_from, http_to, message_pattern) > 0)
);

create index error_classifiers_project_id_idx on tocsin.error_classifiers (project_id);

comment on table tocsin.error_classifiers is
  'Your own rules for the type and the severity of errors, tried before the built-in ones. All '
  'conditions of a row must hold; the first row that matches decides.';
comment on column tocsin.error_classifiers.classifier_id is 'The rule.';
comment on column tocsin.error_classifiers.project_id is
  'The project it is for. Null: for every project (operators only).';
comment on column tocsin.error_classifiers.name is
  'What people call it; events that it decided name it in classified_by.';
comment on column tocsin.error_classifiers.place is 'Which is tried first: the lowest.';
comment on column tocsin.error_classifiers.source is 'Only errors of this source.';
comment on column tocsin.error_classifiers.exception_pattern is
  'Regular expression that the exception''s name must match.';
comment on column tocsin.error_classifiers.sqlstate_pattern is
  'Regular expression that the SQLSTATE must match: ^23';
comment on column tocsin.error_classifiers.http_from is 'The lowest HTTP status that matches.';
comment on column tocsin.error_classifiers.http_to is 'The highest HTTP status that matches.';
comment on column tocsin.error_classifiers.message_pattern is
  'Regular expression that the first 2,000 characters of the redacted message must match.';
comment on column tocsin.error_classifiers.error_type is 'The type it gives; null: left to others.';
comment on column tocsin.error_classifiers.severity is
  'The severity it gives, as it is; null: left to others.';
comment on column tocsin.error_classifiers.is_enabled is 'Off: never tried.';
comment on column tocsin.error_classifiers.created_at is 'When it was made.';
comment on column tocsin.error_classifiers.updated_at is 'When it was last changed.';

create function tocsin_internal.check_classifier() returns trigger
language plpgsql set search_path = ''
as $$
begin
  perform tocsin_internal.refuse_bad_pattern(new.exception_pattern);
  perform tocsin_internal.refuse_bad_pattern(new.sqlstate_pattern);
  perform tocsin_internal.refuse_bad_pattern(new.message_pattern);
  new.updated_at := clock_timestamp();
  return new;
end
$$;

comment on function tocsin_internal.check_classifier() is
  'Trigger of error_classifiers: refuses bad patterns (TC030).';

create trigger error_classifiers_check before insert or update on tocsin.error_classifiers
  for each row execute function tocsin_internal.check_classifier();

-- Built-in rules ----------------------------------------------------------------------------------

create type tocsin_internal.built_in_classifier as (
  place int, rule text, source tocsin.error_source, origin tocsin.error_origin,
  sqlstate_pattern text, http_from int, http_to int, exception_pattern text, message_pattern text,
  error_type tocsin.error_type
);
comment on type tocsin_internal.built_in_classifier is
  'A built-in rule: all that is not null must hold for it to give its type.';

create function tocsin_internal.built_in_classifiers()
returns setof tocsin_internal.built_in_classifier
language sql immutable parallel safe set search_path = ''
as $$
  values
    (1, 'sqlstate_timeout', null::tocsin.error_source, null::tocsin.error_origin,
      '^(57014|25P0[34]|55P03|PGRST003)$', null::int, null::int, null, null,
      'timeout'::tocsin.error_type),
    (2, 'sqlstate_network', null, null, '^(08|PGRST00[012])', null, null, null, null, 'network'),
    (3, 'sqlstate_auth', null, null, '^(28|42501|PGRST30)', null, null, null, null, 'auth'),
    (4, 'sqlstate_system', null, null, '^(53|54|57P|58|F0|XX|PGRSTX)', null, null, null, null,
      'system'),
    (5, 'sqlstate_input', null, null, '^(22|23|PGRST1)', null, null, null, null, 'input'),
    (6, 'sqlstate_execution', null, null, '^([0-9A-Z]{5}$|PGRST)', null, null, null, null,
      'execution'),
    (10, 'http_timeout', null, null, null, 408, 408, null, null, 'timeout'),
    (11, 'http_gateway_timeout', null, null, null, 504, 504, null, null, 'timeout'),
    (12, 'http_auth', null, null, null, 401, 401, null, null, 'auth'),
    (13, 'http_forbidden', null, null, null, 403, 403, null, null, 'auth'),
    (14, 'http_proxy_auth', null, null, null, 407, 407, null, null, 'auth'),
    (15, 'http_rate_limit', null, null, null, 429, 429, null, null, 'rate_limit'),
    (16, 'http_input', null, null, null, 400, 499, null, null, 'input'),
    (17, 'http_own_fault', 'webhook', null, null, 500, 599, null, null, 'system'),
    (18, 'http_dependency', null, null, null, 500, 599, null, null, 'dependency'),
    (20, 'exception_timeout', null, null, null, null, null,
      'timeout|^AbortError$|DeadlineExceeded', null, 'timeout'),
    (21, 'exception_rate_limit', null, null, null, null, null, 'RateLimit|TooManyRequests|Throttl',
      null, 'rate_limit'),
    (22, 'exception_auth', null, null, null, null, null,
      '^Auth|Unauthori[sz]ed|Forbidden|JsonWebToken|TokenExpired|JWT|PermissionDenied|NotCapable',
      null, 'auth'),
    (23, 'exception_network', null, null, null, null, null,
      '^(Connection|Socket|Network|Fetch|DNS|SSL|TLS)|Connection(Refused|Reset|Aborted|Error)',
      null, 'network'),
    (24, 'exception_system', null, null, null, null, null,
      'OutOfMemory|MemoryError|^panic$|OSError', null, 'system'),
    (25, 'exception_input', null, null, null, null, null,
      'Zod|Validation|BadRequest|InvalidArgument|^ValueError$|NotFound|URIError|JSONDecode'
      '|Unprocess', null, 'input'),
    (30, 'message_rate_limit', null, null, null, null, null, null,
      'rate.?limit|too many requests|quota .*exceeded|throttl', 'rate_limit'),
    (31, 'message_timeout', null, null, null, null, null, null,
      'tim(?:ed?|ing|es).?out|deadline exceeded|UND_ERR_\w+_TIMEOUT|took too long'
      '|operation was aborted|wall clock', 'timeout'),
    (32, 'message_network', null, null, null, null, null, null,
      'ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|UND_ERR_SOCKET'
      '|socket hang up|fetch failed|failed to fetch|network ?error|getaddrinfo|dns error'
      '|connection (?:was )?(?:refused|reset|closed|terminated|error|aborted)|certificate'
      '|handshake|no route to host|sending request|connect to|closed the connection|broken pipe',
      'network'),
    (33, 'message_auth', null, null, null, null, null, null,
      'unauthori[sz]ed|forbidden|permission denied|authenticat|not authori[sz]ed|access denied'
      '|invalid (?:api.?key|jwt|login|credential|token|signature)|\mjwt\M'
      '|(?:token|session|key|link) (?:has |is )?expired|row-level security|requires .*access',
      'auth'),
    (34, 'message_system', null, null, null, null, null, null,
      'out of memory|heap|memory limit|ENOSPC|ENOMEM|EMFILE|no space left|disk full'
      '|too many (?:open files|connections|clients)|sigkill|sigsegv|segmentation fault'
      '|^panic|cpu time|worker .*(?:died|crashed|exited|boot)|shutting down|out of shared',
      'system'),
    (35, 'message_dependency', null, null, null, null, null, null,
      'bad gateway|service unavailable|upstream|internal server error|overloaded'
      '|temporarily unavailable|maintenance', 'dependency'),
    (36, 'message_execution', null, null, null, null, null, null,
      '(?:relation|column|function|table) .* does not exist|is not a function|is not defined'
      '|of undefined|of null|syntax error at|not iterable|call stack|nil pointer|deadlock',
      'execution'),
    (40, 'exception_execution', null, null, null, null, null,
      '^(Type|Reference|Range|Assertion|Index|Key|Attribute|Name|ZeroDivision|Runtime|Eval)Error$'
      '|NullPointer|NotImplemented|Unimplemented', null, 'execution'),
    (41, 'message_input', null, null, null, null, null, null,
      'invalid|validat|\mrequired\M|missing|must (?:be|have|not|contain)|not found|does not exist'
      '|malformed|unexpected (?:token|end|character|non-)|\mjson\M|unsupported'
      '|too (?:large|long|short|big)|out of range|duplicate|already exists|violates|no such'
      '|unknown|unrecogni[sz]ed|pars(?:e|ing)|bad request|payload|expected .* (?:got|received)',
      'input'),
    (50, 'exception', null, null, null, null, null, '.', null, 'execution'),
    (51, 'run', null, 'run', null, null, null, null, null, 'execution'),
    (60, 'nothing_known', null, null, null, null, null, null, null, 'unknown')
$$;

comment on function tocsin_internal.built_in_classifiers() is
  'The built-in rules of classification, in the order in which they are tried.';

create function tocsin_internal.default_severity(
  p_type tocsin.error_type, p_origin tocsin.error_origin
) returns tocsin.severity
language sql immutable parallel safe set search_path = ''
as $$
  select case
    when p_type = 'system' then 'high'
    when p_type in ('input', 'rate_limit') then
      case when p_origin in ('run', 'stuck') then 'medium' else 'low' end
    else case when p_origin in ('run', 'stuck') then 'high' else 'medium' end
  end::tocsin.severity
$$;

comment on function tocsin_internal.default_severity(tocsin.error_type, tocsin.error_origin) is
  'The severity of a type: system high; input and rate_limit low; others medium; and one level '
  'worse when a run failed or is stuck.';

create type tocsin_internal.error_kind as (
  kind text, source tocsin.error_source, origin tocsin.error_origin, sqlstate text, http_status int,
  exception text, message text, project_id text, error_type tocsin.error_type,
  severity tocsin.severity, rule text
);
comment on type tocsin_internal.error_kind is
  'Errors that are classified as one: what the rules go by, the type and the severity (what the '
  'reporter said, then what was decided), and the rule that decided.';

create function tocsin_internal.classify_kinds(
  p_kinds tocsin_internal.error_kind[], p_own tocsin.error_classifiers[]
) returns tocsin_internal.error_kind[]
language plpgsql stable set search_path = ''
as $$
declare
  -- in the order in which they are tried: a look stops at the first that matches
  v_own constant tocsin.error_classifiers[] := array(
    select c from unnest(p_own) as c order by c.project_id is null, c.place, c.classifier_id);
  v_rules constant tocsin_internal.built_in_classifier[] := array(
    select r from tocsin_internal.built_in_classifiers() as r order by r.place);
begin
  return array(
    select row(k.kind, k.source, k.origin, k.sqlstate, k.http_status, k.exception, k.message,
      k.project_id, t.error_type, coalesce(o.severity, k.severity,
        tocsin_internal.default_severity(t.error_type, k.origin)),
      case when o.error_type is not null then 'own: ' || o.name
           when k.error_type is not null then 'reporter' else b.rule end
        || case when o.severity is not null and o.error_type is null
             then ', own: ' || o.name else '' end)::tocsin_internal.error_kind
    from unnest(p_kinds) as k
    left join lateral (
      select c.name, c.error_type, c.severity from unnest(v_own) as c
      where (c.project_id is null or c.project_id = k.project_id)
        and (c.source is null or c.source = k.source)
        and (c.http_from is null or k.http_status >= c.http_from)
        and (c.http_to is null or k.http_status <= c.http_to)
        and (c.sqlstate_pattern is null or k.sqlstate ~* c.sqlstate_pattern)
        and (c.exception_pattern is null or k.exception ~* c.exception_pattern)
        and (c.message_pattern is null or k.message ~* c.message_pattern)
      limit 1
    ) as o on true
    left join lateral (
      select r.error_type, r.rule from unnest(v_rules) as r
      where o.error_type is null and k.error_type is null
        and (r.source is null or r.source = k.source)
        and (r.origin is null or r.origin = k.origin)
        and (r.sqlstate_pattern is null or k.sqlstate ~* r.sqlstate_pattern)
        and (r.http_from is null or k.http_status between r.http_from and r.http_to)
        and (r.exception_pattern is null or k.exception ~* r.exception_pattern)
        and (r.message_pattern is null or k.message ~* r.message_pattern)
      limit 1
    ) as b on true
    cross join lateral (select coalesce(o.error_type, k.error_type, b.error_type)) as t (error_type)
  );
end
$$;

comment on function tocsin_internal.classify_kinds(tocsin_internal.error_kind[],
  tocsin.error_classifiers[]) is
  'Gives each kind its type, its severity and the rule that decided. p_own are the rules of '
  'people.';

create function tocsin_internal.classify(
  p_source tocsin.error_source, p_origin tocsin.error_origin, p_sqlstate text, p_http_status int,
  p_exception text, p_message text, p_error_type tocsin.error_type default null,
  p_severity tocsin.severity default null, p_project_id text default '',
  p_classifiers tocsin.error_classifiers[] default '{}'
) returns table (error_type tocsin.error_type, severity tocsin.severity, rule text)
language sql stable set search_path = ''
as $$
  select k.error_type, k.severity, k.rule from unnest(tocsin_internal.classify_kinds(
    array[row('', p_source, p_origin, p_sqlstate, p_http_status, p_exception,
      left(p_message, 2000), p_project_id, p_error_type, p_severity,
      null)::tocsin_internal.error_kind], p_classifiers)) as k
$$;

comment on function tocsin_internal.classify(tocsin.error_source, tocsin.error_origin, text, int,
  text, text, tocsin.error_type, tocsin.severity, text, tocsin.error_classifiers[]) is
  'The same for one error: to try the rules by hand.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.error_classifiers enable row level security;

create policy members_see_classifiers on tocsin.error_classifiers
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id is null
    or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_classifiers on tocsin.error_classifiers
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_classifiers on tocsin.error_classifiers
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_classifiers on tocsin.error_classifiers
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.error_classifiers from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.error_classifiers to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
-- the trigger runs as the editor who saves a rule
grant execute on function tocsin_internal.refuse_bad_pattern(text) to authenticated, service_role;
