begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

set local client_min_messages = error;
select isnt(tocsin.report_error(null, null), null, 'Nothing at all is a report.');
select isnt(tocsin.report_error('?', repeat('ä', 1000000), 'nowhere',
  to_jsonb(repeat('y', 10000000)), 'catastrophic', repeat('p', 5000), p_timestamp => '1970-01-01',
  p_http_status => -5), null,
  'So is far too much.');
select isnt(tocsin.report_error('x', '<script>alert(1)</script>''; drop table x; --', p_metadata =>
  (repeat('{"a":', 1000) || '1' || repeat('}', 1000))::jsonb, p_timestamp => 'infinity'), null,
  'So is HTML, SQL and what is a thousand levels deep.');
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 3, 'All are stored.');
select ok(bool_and(octet_length(coalesce(message, '')) <= 8192 and length(project_id) <= 200
  and octet_length(metadata::text) <= 65536 and timestamp between now() - interval '1 hour'
  and clock_timestamp()), 'Within their bounds, and at a time that can be.')
from tocsin.error_metrics;
select ok(bool_or(metadata ? 'reported_timestamp'), 'What time was said is kept beside.')
from tocsin.error_metrics;
alter table tocsin_internal.reported_errors rename to gone;
select is(tocsin.report_error('x', 'y'), null, 'Without its queue it answers null.');

select * from finish();
rollback;
