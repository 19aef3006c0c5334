-- Patterns: a regular expression that people wrote runs on every error, so a bad one is refused
-- when it is saved: one that does not compile, that refers back to what it matched, whose counted
-- repetitions multiply, or that takes long on texts made to slow patterns down.
--
-- Errors: TC030 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.refuse_bad_pattern(p_pattern text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_text text;
  v_began timestamptz;
  v_took interval;
  v_times numeric := 1;
  v_count text;
begin
  if p_pattern is null then
    return;
  end if;
  if length(p_pattern) not between 1 and 500 then
    raise exception 'A pattern has 1 to 500 characters, and this one has %', length(p_pattern)
      using errcode = 'TC030', hint = 'Make two rules of it.';
  end if;
  if p_pattern ~ '\\[1-9]' then
    raise exception 'The pattern refers back to what it matched: %', p_pattern
      using errcode = 'TC030', hint = 'Back references such as \1 take too long. Do without them.';
  end if;
  for v_count in
    select coalesce(nullif(m[2], ''), m[1]) from regexp_matches(p_pattern, '\{(\d+)(?:,(\d*))?\}',
      'g') as m
  loop
    v_times := v_times * greatest(v_count::numeric, 1);
  end loop;
  if v_times > 2000 then
    raise exception 'The counted repetitions of the pattern multiply to %: %', v_times, p_pattern
      using errcode = 'TC030', hint = 'Up to 2000 are fine. Use * or + instead of {m,n}.';
  end if;

  begin
    perform '' ~* p_pattern;
  exception when others then
    raise exception 'This is no regular expression: %', p_pattern
      using errcode = 'TC030', detail = sqlerrm,
        hint = 'It is of PostgreSQL''s kind; escape ( ) [ { . * + ? ^ $ | \ that stand for '
          'themselves.';
  end;
  if '' ~* p_pattern then
    raise exception 'The pattern matches everything, even an empty text: %', p_pattern
      using errcode = 'TC030', hint = 'Say what has to be there: a+ instead of a*.';
  end if;

  -- doubled until it is slow, so that the trial itself never takes long
  for v_text in
    select repeat(unit, 4096 / length(unit) / (1 << step)) || ending
    from generate_series(4, 0, -2) as step
    cross join unnest(array['a', '1', ' ', 'a ', 'a1_', 'x.y/', '"a" ', '((', 'ab=cd; ']) as unit
    cross join unnest(array['', '!']) as ending
  loop
    -- a busy machine makes any pattern slow once: the fastest of three counts
    for v_try in 1 .. 3 loop
      v_began := clock_timestamp();
      perform regexp_replace(v_text, p_pattern, '', 'gi');
      v_took := clock_timestamp() - v_began;
      exit when v_took <= interval '20 milliseconds';
    end loop;
    if v_took > interval '20 milliseconds' then
      raise exception 'The pattern takes too long: % ms on % characters: %',
        round(extract(epoch from v_took) * 1000), length(v_text), p_pattern
        using errcode = 'TC030', hint = 'Look-around and repetitions within repetitions are slow. '
          'Say it with fewer of them.';
    end if;
  end loop;
end
$$;

comment on function tocsin_internal.refuse_bad_pattern(text) is
  'Raises TC030 for a pattern of a user that does not compile, matches everything, or could take '
  'long.';

revoke all on all functions in schema tocsin_internal from public;
