begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.log(p_setting uuid, p_decision tocsin.decision) returns void
language sql as $$
  insert into tocsin.alert_logs (event_id, setting_id, decision, reason, source_id, project_id,
    workflow_id, severity, event_at, decided_at)
  values ('e0000000-0000-4000-8000-000000000001', p_setting, p_decision, 'test', 's', 'p', 'w',
    'low', now(), now())
$$;
select pg_temp.log(null, 'unmatched');

select throws_ok($$select pg_temp.log(null, 'unmatched')$$, '23505', null,
  'There are no two rows saying that nothing matched.');
select lives_ok($$select pg_temp.log('5e771460-0000-4000-8000-000000000001', 'no_channel')$$,
  'A setting has a row of its own,');
select throws_ok($$select pg_temp.log('5e771460-0000-4000-8000-000000000001', 'no_channel')$$,
  '23505', null, 'but no two.');
select throws_ok($$select pg_temp.log(null, 'no_channel')$$, '23514', null,
  'A decision for a setting names it.');
select throws_ok($$select pg_temp.log('5e771460-0000-4000-8000-000000000002', 'notified')$$,
  '23514', null, 'Whatever was notified has its notification.');
select throws_ok($$select pg_temp.log('5e771460-0000-4000-8000-000000000002', 'throttled')$$,
  '23514', null, 'Whatever was held back has its window.');

select * from finish();
rollback;
