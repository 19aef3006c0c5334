begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.alert_channels (channel_id, name, kind, recipients) values
  ('00000000-0000-4000-8000-0000000000c1', 'first', 'email', '{a@b.test}'),
  ('00000000-0000-4000-8000-0000000000c2', 'second', 'email', '{b@b.test}');
update tocsin.send_paces set per_second = null where kind = 'email';
update tocsin.self_watch set channel_id = '00000000-0000-4000-8000-0000000000c1',
  fallback_channel_id = '00000000-0000-4000-8000-0000000000c2' where true;

-- a new trouble at ten; answers which channels are given it, and after how many minutes more
create function pg_temp.told(p_minutes int default 0) returns text language plpgsql as $$
begin
  delete from tocsin.troubles where true;
  delete from tocsin.notifications where true;
  update tocsin_internal.self_watch_state set unaccounted_count = 1, checked_at = null where true;
  perform tocsin_internal.watch_itself('2026-03-04 10:00Z');
  for n in 1 .. p_minutes loop
    perform tocsin_internal.watch_itself('2026-03-04 10:00Z'::timestamptz
      + n * interval '1 minute');
  end loop;
  return (select string_agg(channel_name, ', ' order by created_at, channel_name)
    from tocsin.deliveries);
end
$$;
select is(pg_temp.told(), 'first', 'The first channel is told,');
select is(pg_temp.told(1), 'first', 'and has two minutes:');
select is(pg_temp.told(5), 'first, second', 'then the other is, once.');
update tocsin.alert_channels set is_enabled = false where name = 'first';
select is(pg_temp.told(), 'second', 'One that is off is passed over at once;');
update tocsin.alert_channels set is_enabled = true where name = 'first';
insert into tocsin.channel_states (channel_id, state, retry_at)
values ('00000000-0000-4000-8000-0000000000c1', 'open', '2026-03-05Z');
select is(pg_temp.told(), 'second', 'so is one that rests.');
delete from tocsin.channel_states where true;
update tocsin.self_watch set fallback_channel_id = null where true;
select is(pg_temp.told(5), 'first', 'Without another there is none.');

-- what is told of itself is late, and is given up
update tocsin_internal.self_watch_state set unaccounted_count = 0 where true;
delete from tocsin.troubles where true;
select tocsin_internal.watch_itself('2026-03-04 11:00Z');
select is_empty($$select kind from tocsin.troubles$$,
  'That the telling of a trouble is late is no trouble,');
select tocsin_internal.give_up_delivery(delivery_id, 'gone') from tocsin.deliveries;
select tocsin_internal.watch_itself('2026-03-04 11:01Z');
select is_empty($$select kind from tocsin.troubles$$, 'nor that it was given up.');

-- the channel is gone for good: its notice goes elsewhere, and is no trouble either
select tocsin_internal.disable_channel('00000000-0000-4000-8000-0000000000c1', 'gone',
  '2026-03-04 11:01Z');
select is((select string_agg(d.channel_name, ', ') from tocsin.deliveries d
  join tocsin.notifications n using (notification_id)
  where n.content ->> 'kind' = 'channel_disabled'), 'second',
  'That a channel was turned off is told to the operators'' others.');

select * from finish();
rollback;
