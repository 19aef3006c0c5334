begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

select results_eq($$select kind::text, queue_name, project_id, sample_interval, is_ignored,
    dead_letter_queue, found_at is null
  from tocsin.watch_queue('emails', p_options => '{"project_id": "p", "interval": "30 seconds",
    "dead_letter_queue": "emails_dead"}')$$,
  $$values ('pgmq', 'emails', 'p', interval '30 seconds', false, 'emails_dead', true)$$,
  'A queue can be named before it is there.');
select results_eq($$select project_id, sample_interval, is_ignored, dead_letter_queue, poison_reads
  from tocsin.watch_queue('emails', p_options => '{"interval": null, "dead_letter_queue": null,
    "poison_reads": 3}')$$,
  $$values ('p', interval '10 seconds', false, null, 3)$$,
  'What is left out stays, null is the default.');
select results_eq($$select slow_after, stalled_after, backing_up_over
  from tocsin.watch_queue('emails', 'pgboss', '{"slow_after": "5 s", "stalled_after": "1 hour",
    "backing_up_over": 7}')$$, $$values (interval '5 s', interval '1 hour', 7)$$,
  'The same name at pg-boss is another queue.');
select throws_ok($$select tocsin.watch_queue('emails', 'sqs')$$, 'TC090',
  'There is no kind of queue "sqs"', 'A kind that there is not,');
select throws_ok($$select tocsin.watch_queue('emails', p_options => '{"every": "1 s"}')$$, 'TC091',
  'A queue has no option "every"', 'an option that is not known,');
select throws_ok($$select tocsin.watch_queue('emails', p_options => '[1]')$$, 'TC091', null,
  'options that are none,');
select throws_ok($$select tocsin.watch_queue('emails', p_options => '{"interval": "soon"}')$$,
  'TC092', null, 'a value that is none,');
select throws_ok($$select tocsin.watch_queue('emails', p_options => '{"interval": "1 second"}')$$,
  'TC092', null, 'an interval that is too short,');
select throws_ok(
  $$select tocsin.watch_queue('emails', p_options => '{"dead_letter_queue": "emails"}')$$,
  'TC092', null, 'or a queue that were its own dead-letter queue, is refused.');
select is((select dead_letter_queue from tocsin.queues where kind = 'pgmq'
  and queue_name = 'emails'), null, 'and changes nothing.');
select tocsin_internal.sample_queues(now());
select results_eq($$select record_id, project_id, before, after from tocsin.configuration_changes
  where record = 'queues' and action = 'update' order by change_id$$, $$values
  ('pgmq/emails', 'p', '{"project_id": "", "sample_interval": "00:00:10",
    "dead_letter_queue": null}'::jsonb, '{"project_id": "p", "sample_interval": "00:00:30",
    "dead_letter_queue": "emails_dead"}'::jsonb),
  ('pgmq/emails', 'p', '{"sample_interval": "00:00:30", "dead_letter_queue": "emails_dead",
    "poison_reads": 5}', '{"sample_interval": "00:00:10", "dead_letter_queue": null,
    "poison_reads": 3}'),
  ('pgboss/emails', '', '{"slow_after": "00:01:00", "stalled_after": "00:02:00",
    "backing_up_over": 100}', '{"slow_after": "00:00:05", "stalled_after": "01:00:00",
    "backing_up_over": 7}')$$, 'It is kept what was said, not what the heart found.');

select * from finish();
rollback;
