begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(16);

-- The states of a sequence of minutes, as Prometheus documents them for alerting rules. In p_found:
-- B breached, - clear, = between both limits, . nothing to judge. Out: P pending, F firing,
-- R resolved, - calm.
create function pg_temp.states(
  p_found text, p_for interval default '0', p_keep interval default '0',
  p_on_no_data tocsin.no_data_behavior default 'keep', p_is_calm boolean default false)
returns text language plpgsql as $$
declare
  v_setting tocsin.alert_settings;
  v_memory tocsin_internal.alert_memory;
  v_found tocsin_internal.evaluation;
  v_at timestamptz := '2026-03-01 12:00Z';
  v_states text := '';
  v_one text;
begin
  v_setting.for_duration := p_for;
  v_setting.keep_firing_for := p_keep;
  v_setting.on_no_data := p_on_no_data;
  foreach v_one in array string_to_array(p_found, null) loop
    v_found := null;
    if v_one <> '.' then
      v_found.setting_id := gen_random_uuid();
      v_found.is_breached := v_one = 'B';
      v_found.is_clear := v_one = '-';
    end if;
    v_memory := tocsin_internal.judge(v_memory, v_setting, p_is_calm, v_found, v_at);
    v_states := v_states || case when v_memory.state is null then '-'
      else case v_memory.state when 'pending' then 'P' when 'firing' then 'F' else 'R' end end;
    if v_memory.state = 'resolved' then
      v_memory.state := null;
    end if;
    v_at := v_at + interval '1 minute';
  end loop;
  return v_states;
end
$$;

select is(pg_temp.states('-BB-B-'), '-FFRFR', 'Without for it fires at once and resolves at once.');
select is(pg_temp.states('BBBB-', '2 minutes'), 'PPFFR',
  'With for 2 minutes it is pending, and fires at the instant that is 2 minutes after the first.');
select is(pg_temp.states('BB-BBBB', '2 minutes'), 'PP-PPFF',
  'A gap while pending begins anew.');
select is(pg_temp.states('BBB', '150 seconds'), 'PPP', 'Not a minute too early.');
select is(pg_temp.states('BBBB', '150 seconds'), 'PPPF', 'But at the next instant after it.');
select is(pg_temp.states('B----', '0', '2 minutes'), 'FFFR-',
  'With keep_firing_for 2 minutes it goes on until it is clear for so long.');
select is(pg_temp.states('B-B----', '0', '2 minutes'), 'FFFFFR-',
  'A breach in between starts that time anew.');
select is(pg_temp.states('BB-B---', '1 minute', '1 minute'), 'PFFFFR-',
  'A breach while it is kept firing needs no for.');
select is(pg_temp.states('B==-'), 'FFFR', 'Between the limits it goes on.');
select is(pg_temp.states('B=BB', '1 minute'), 'P-PF', 'Between the limits nothing is pending.');
select is(pg_temp.states('B.-.B'), 'FFR-F', 'keep: nothing to judge changes nothing.');
select is(pg_temp.states('B.B', '2 minutes'), 'PPF', 'keep: it stays pending, and time goes on.');
select is(pg_temp.states('B.-', p_on_no_data => 'ok'), 'FR-', 'ok: nothing to judge is clear.');
select is(pg_temp.states('-..-', p_on_no_data => 'alert'), '-FFR', 'alert: it is a breach.');
select is(pg_temp.states('B.-', p_is_calm => true), 'FR-',
  'A kind that counts takes nothing for none.');
select is(pg_temp.states('B' || repeat('.', 1440) || '.'), repeat('F', 1440) || 'R-',
  'What has nothing to judge for a day is over.');

select * from finish();
rollback;
