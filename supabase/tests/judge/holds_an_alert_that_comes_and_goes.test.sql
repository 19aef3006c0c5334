begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.fires(p_found text) returns text language plpgsql as $$
declare
  v_setting tocsin.alert_settings;
  v_memory tocsin_internal.alert_memory;
  v_found tocsin_internal.evaluation;
  v_at timestamptz := '2026-03-01 12:00Z';
  v_states text := '';
  v_one text;
begin
  v_setting.for_duration := '0';
  v_setting.keep_firing_for := '0';
  v_setting.on_no_data := 'keep';
  v_found.setting_id := gen_random_uuid();
  foreach v_one in array string_to_array(p_found, null) loop
    v_found.is_breached := v_one = 'B';
    v_found.is_clear := v_one = '-';
    v_memory := tocsin_internal.judge(v_memory, v_setting, false, v_found, v_at);
    v_states := v_states || case v_memory.transition when 'fired' then
      case when v_memory.is_flapping then 'X' else 'F' end when 'resolved' then 'R' else '.' end;
    v_at := v_at + interval '1 minute';
  end loop;
  return v_states;
end
$$;

select is(pg_temp.fires('B-B-B-B-B-'), 'FRFRX.....',
  'The third time in an hour it flaps, and does not resolve at once any more.');
select is(pg_temp.fires('B-B-B' || repeat('-', 32)), 'FRFRX' || repeat('.', 30) || 'R.',
  'Half an hour of calm resolves it.');
select is(pg_temp.fires('B-' || repeat('-', 30) || 'B-' || repeat('-', 30) || 'B-'),
  'FR' || repeat('.', 30) || 'FR' || repeat('.', 30) || 'FR',
  'Three times in more than an hour are three alerts.');

select * from finish();
rollback;
