begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.redaction_rules (project_id, name, kind, value, is_enabled) values
  ('a', 'Accounts', 'key', 'account_number', true),
  ('a', 'Case file', 'pattern', 'ACME-\d{6}', true),
  ('a', 'Off', 'pattern', 'order', false),
  (null, 'Mail', 'email', null, true), (null, 'Addresses', 'ip', null, true);
create function pg_temp.report(p_project text, p_message text, p_metadata jsonb default '{}',
  p_user text default null, p_stack text default null) returns void language sql as $$
  select tocsin.report_error('input', p_message, 'worker', p_metadata, p_project_id => p_project,
    p_user_id => p_user, p_stack => p_stack)
$$;
select pg_temp.report('a', 'order acme-123456 of ann@x.example, account_number=77 '
  'accountNumber: "8 8" from 10.0.0.7',
  '{"accountNumber": 12345, "note": "see ACME-654321", "list": [{"ip": "fe80:0:0:0:1:2:3:4"}],
    "ACME-111111": 1, "account": 5, "version": "1.2.3"}', 'ann@x.example',
  'at ACME-222222 (x.ts:1:1)');
select pg_temp.report('b', 'order ACME-123456 of bob@x.example, account_number=77');
select from tocsin_internal.tick();

select is(message, 'order [redacted:case_file] of [redacted:email], '
  'account_number=[redacted:secret] accountNumber: [redacted:secret] from [redacted:ip]',
  'In messages.')
from tocsin.error_metrics where project_id = 'a';
select is(metadata, '{"accountNumber": "[redacted:secret]", "note": "see [redacted:case_file]",
  "list": [{"ip": "[redacted:ip]"}], "[redacted:case_file]": 1, "account": 5,
  "version": "1.2.3"}'::jsonb, 'In metadata, in keys and in values.')
from tocsin.error_metrics where project_id = 'a';
select is(stack, 'at [redacted:case_file] (x.ts:1:1)', 'In stacks.')
from tocsin.error_metrics where project_id = 'a';
select matches(user_id, '^\[redacted:email\] [0-9a-f]{12}$', 'A user keeps a mark of their own.')
from tocsin.error_metrics where project_id = 'a';
select is(message, 'order ACME-123456 of [redacted:email], account_number=77',
  'A rule of one project is not for others; one for all is.')
from tocsin.error_metrics where project_id = 'b';

-- what a watched run says goes the same way
create table runs (id int primary key, project_id text, status text, error text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'a', 'failed', 'ACME-777777 of cy@x.example');
select from tocsin_internal.tick();
select is(message, '[redacted:case_file] of [redacted:email]', 'Failures of runs as well.')
from tocsin.error_metrics where origin = 'run';
select is_empty($$select from tocsin.error_groups where project_id = 'a'
  and title ~* 'acme-|@x'$$,
  'No group is called by what is hidden.');

select is(tocsin_internal.redact_own(said, tocsin_internal.own_redaction('b')), told, said)
from (values
  ('a@b, @x, 1.2.3, v1.2.3.4.5, 999.1.1.1, 10:22:33, ::', 'a@b, @x, 1.2.3, v1.2.3.4.5, 999.1.1.1, '
    '10:22:33, ::'),
  ('from 192.168.0.1:5432 to ::1', 'from [redacted:ip]:5432 to [redacted:ip]'),
  ('<a.b+c@mail.x.example>', '<[redacted:email]>')
) as c (said, told);
update tocsin.redaction_rules set is_enabled = false where true;
select is(tocsin_internal.own_redaction('a'), null, 'Switched off, none is applied.');

select * from finish();
rollback;
