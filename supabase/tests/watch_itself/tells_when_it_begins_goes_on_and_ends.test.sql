begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.alert_channels (channel_id, name, kind, recipients) values
  ('00000000-0000-4000-8000-0000000000c1', 'first', 'email', '{a@b.test}'),
  ('00000000-0000-4000-8000-0000000000c2', 'second', 'email', '{b@b.test}'),
  ('00000000-0000-4000-8000-0000000000c3', 'third', 'email', '{c@b.test}');

-- the minutes after ten; while bad, an event has no account
create function pg_temp.at(p_minute int, p_is_bad boolean) returns text language plpgsql as $$
declare
  v_now constant timestamptz := '2026-03-04 10:00Z'::timestamptz
    + p_minute * interval '1 minute';
begin
  update tocsin_internal.self_watch_state set unaccounted_count = p_is_bad::int where true;
  -- twelve beats a minute
  perform tocsin_internal.watch_itself(v_now + n * interval '5 seconds')
  from generate_series(0, 11) as n;
  return (
    select string_agg(n.purpose || ' to ' || d.channel_name, ', ' order by d.channel_name)
    from tocsin.notifications n left join tocsin.deliveries d using (notification_id)
    where d.created_at >= v_now and d.created_at < v_now + interval '1 minute');
end
$$;
select is(pg_temp.at(0, true), null, 'Where no channel is named, nobody is told;');
select is((select count(*)::int from tocsin.troubles where told_at is null), 1, 'it is known.');
update tocsin.self_watch set channel_id = '00000000-0000-4000-8000-0000000000c1',
  fallback_channel_id = '00000000-0000-4000-8000-0000000000c2' where true;
select is(pg_temp.at(1, true), 'first to first', 'As soon as one is, it is told, once,');
update tocsin.deliveries set state = 'delivered', delivered_at = created_at where true;
select is(pg_temp.at(2, true), null, 'and not again');
select is(pg_temp.at(6, false), null, 'when it is gone for a moment');
select is(pg_temp.at(7, true), null, 'and back:');
select is((select count(*)::int from tocsin.troubles), 1, 'it is one trouble.');
select is(pg_temp.at(1441, true), 'repeat to first', 'A day later it is told again;');
update tocsin.deliveries set state = 'delivered', delivered_at = created_at where true;
select is(pg_temp.at(1446, false), 'resolved to first', 'it is told when it is over.');
select is((select string_agg(purpose || ': ' || (content ->> 'title'), '; ' order by decided_at)
  from tocsin.notifications), 'first: Tocsin itself: Events have no account; '
  'repeat: Tocsin itself: Events have no account; resolved: Over: Events have no account',
  'Each says what it is about.');
select is((select count(*)::int from tocsin.deliveries where channel_name = 'third'), 0,
  'No other channel hears of it.');

select * from finish();
rollback;
