begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

-- messages that differ in their digits alone are understood together where they may be
create temporary table message as
select replace(replace(template, '#', n::text), '@', (n * 7919 % 1000)::text) as text
from unnest(array[
  'TypeError: cannot ship parcel # after @ ms', 'request failed with status @', '@ Not Found',
  'HTTP/1.1 @ from https://x.example/#', 'took @ ms, then code @', 'H#Error: out of @ wells',
  'SQLSTATE @05 at line #', 'code: "23@"', 'PGRST# says @', 'port 5432, user 404, bytes @',
  'returned @ @ times', 'Error @', '# items of @ were 99% done']) as template
cross join unnest(array[1, 7, 42, 50, 404, 523, 999, 2305]) as n;

create temporary table understood as
select u.* from unnest(tocsin_internal.understand_errors(array(
  select jsonb_populate_record(null::tocsin_internal.reported_errors,
    jsonb_build_object('message', text, 'is_redacted', false, 'source', 'worker'))
  from message))) as u;

select set_eq('select message, exception, sqlstate, http_status from understood', $$
  select m.text, u.exception, u.sqlstate, u.http_status
  from message m cross join lateral tocsin_internal.understand_text(m.text,
    tocsin_internal.redact(m.text)) as u
$$, 'Each of many messages names what it names alone.');
select ok((select count(distinct http_status) = 2 and count(distinct exception) > 2
    and count(sqlstate) > 0 from understood), 'There is something to name.');

select * from finish();
rollback;
