-- Grouping: what two errors must share to be one group.
--
-- A group is made of the source, the type, the node, the exception's name, SQLSTATE and HTTP
-- status, the shape of the message and the top frames of the stack. The shape is the message with
-- everything replaced that differs from one occurrence to the next. Frames are taken without their
-- line numbers, those of the application before those of libraries.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.message_shape(p_message text) returns text
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  -- what stands far behind seldom tells two errors apart, and costs time
  v_text text := left(p_message, 600);
begin
  if strpos(v_text, '://') > 0 then
    v_text := regexp_replace(v_text, '\m[A-Za-z][A-Za-z0-9+.-]*://[^\s"''`<>)\]}]+', '<url>', 'g');
  end if;
  if strpos(v_text, '@') > 0 then
    v_text := regexp_replace(v_text, '[\w.+-]+@[\w-]+(?:\.[\w-]+)+', '<email>', 'g');
  end if;
  -- names of the code's own things tell errors apart, also when they are quoted
  if v_text ~ '["''`]' then
    v_text := regexp_replace(v_text, '\m(relation|table|view|column|constraint|index|function|type'
      '|schema|role|policy|trigger|extension|property|reading|setting|module|package|argument'
      '|column of) ["''`]([A-Za-z_][\w.]*)["''`]', '\1 \2', 'g');
    v_text := regexp_replace(v_text, '["''`]([A-Za-z_][\w.]*)["''`]'
      ' (column|argument|property|parameter)\M', '\1 \2', 'g');
    v_text := regexp_replace(v_text, '\m(column of) ["''`]([A-Za-z_][\w.]*)["''`]', '\1 \2', 'g');
  end if;
  -- an apostrophe within a word quotes nothing
  if strpos(v_text, '"') > 0 or strpos(v_text, '''') > 0 or strpos(v_text, '`') > 0 then
    v_text := regexp_replace(v_text,
      '"[^"\n]*"|(?<!\w)''[^''\n]*''(?!\w)|`[^`\n]*`|\\"[^"\n]*\\"', '<value>', 'g');
  end if;
  if strpos(v_text, '=(') > 0 then
    v_text := regexp_replace(v_text, '=\([^)]*\)', '=(<value>)', 'g');
  end if;
  if strpos(v_text, '/') > 0 or strpos(v_text, '\') > 0 then
    v_text := regexp_replace(v_text, '(?<![\w<>/])(?:~|\.{1,2})?/[\w.@%+~$-]+(?:/[\w.@%+~$-]*)*'
      '(?:\?[^\s"''<>]*)?|\m[A-Za-z]:\\[^\s"''<>:]+', '<path>', 'g');
  end if;
  if v_text ~ '\d' then
    if v_text ~ '\d{4}-\d\d-\d\d' then
      v_text := regexp_replace(v_text, '\m\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?'
        '(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?', '<date>', 'g');
    end if;
    if v_text ~ 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec' then
      v_text := regexp_replace(v_text, '\m(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?'
        '(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,4}'
        '(?:,? \d{2,4})?(?: \d\d:\d\d(?::\d\d)?(?: (?:GMT|UTC|[+-]\d{4}))?(?: \d{4})?)?', '<date>',
        'g');
    end if;
    if v_text ~* '0x[0-9a-f]|[0-9a-f]-[0-9a-f]{4}-' then
      v_text := regexp_replace(v_text,
        '\m[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\M|\m0x[0-9a-f]+\M',
        '<id>', 'gi');
    end if;
    if v_text ~ ':[0-9A-Fa-f]*:' then
      v_text := regexp_replace(v_text,
        '(?<![\w:])(?:[0-9a-f]{0,4}:){2,8}[0-9a-f]{1,4}\M(?::\d+)?', '<n>', 'gi');
    end if;
    -- letters and digits in one word of eight and more: an id
    v_text := regexp_replace(v_text, '\m(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{8,}\M',
      '<id>', 'g');
    v_text := regexp_replace(v_text, '[+-]?\d+(?:[.,:]\d+)*', '<n>', 'g');
    if v_text ~ '<n> ?(?:ms|[kKMG]i?B|s|min|%)' then
      v_text := regexp_replace(v_text, '<n> ?(?:(?:ms|[kKMG]i?B|s|min)\M|%)', '<n>', 'g');
    end if;
  end if;
  if strpos(v_text, '> <') > 0 or v_text ~ '>(?:,| and| or)' then
    v_text := regexp_replace(v_text, '(?:<n>,?\s*){2,}', '<n> ', 'g');
    v_text := regexp_replace(v_text, '(?:<value>(?:, ?| and | or )){1,}<value>', '<value>', 'g');
    v_text := regexp_replace(v_text, '(?:<id>,?\s*){2,}', '<id> ', 'g');
  end if;
  -- what was given instead of what was wanted is a value too
  if strpos(v_text, 'eceived ') > 0 then
    v_text := regexp_replace(v_text, '\m([Rr]eceived) (?:undefined|null|NaN|true|false'
      '|an instance of \w+|type \w+(?: \([^)]*\))?|function ?\w*)', '\1 <value>', 'g');
  end if;
  if v_text ~ '\s\s|[\n\r\t]' then
    v_text := regexp_replace(v_text, '\s+', ' ', 'g');
  end if;
  return btrim(v_text);
end
$$;

comment on function tocsin_internal.message_shape(text) is
  'The message with urls, emails, quoted values, paths, dates, ids and numbers replaced by <url>, '
  '<email>, <value>, <path>, <date>, <id> and <n>. Its first 600 characters.';

create function tocsin_internal.top_frames(p_stack text) returns text
language sql immutable parallel safe set search_path = ''
as $$
  with line as (
    select l.line, l.place, lag(l.line) over (order by l.place) as before
    from regexp_split_to_table(left(p_stack, 16000), '\n') with ordinality as l (line, place)
    where l.place <= 200
  ),
  frame as (
    -- JavaScript, TypeScript, Deno, Java
    select place, m[1] as called, m[2] as file from line cross join lateral
      regexp_match(line, '^\s*at (?:async )?(?:new )?(?:([^()]+) \()?([^()]+):\d+\)?\s*$') as m
    union all
    -- Firefox and Safari
    select place, m[1], m[2] from line cross join lateral
      regexp_match(line, '^\s*([^@\s]*)@([^\s]+):\d+\s*$') as m
    union all
    -- Python says the innermost last
    select -place, m[2], m[1] from line cross join lateral
      regexp_match(line, '^\s*File "([^"]+)", line \d+(?:, in (\S+))?') as m
    union all
    -- Go says the function on the line before
    select place, substring(before from '^(?:created by )?(.+)\('), m[1]
    from line cross join lateral regexp_match(line, '^\s+(\S+\.go):\d+') as m
  ),
  clean as (
    select place,
      file !~ '(^|/)node_modules/|^node:|^internal/|^ext:|deno\.land/std|jsr\.io|esm\.sh|^npm:'
        '|-packages/|/lib/python|/go/src/|/go/pkg/mod/|/usr/local/go|^<|^native$' as is_own,
      -- closures and builds number what they have no name for
      regexp_replace(regexp_replace(coalesce(nullif(called, ''), '?'),
        '^(?:async |Object\.|Module\.|Function\.)+|<anonymous>| \[as \w+\]|\.func\d+.*$', '', 'g'),
        '\d+', '#', 'g') as called,
      regexp_replace(regexp_replace(regexp_replace(regexp_replace(file,
        '(?::\d+)+$|[?#].*$', '', 'g'),
        '^.*[/\\]([^/\\]+[/\\][^/\\]+)$', '\1'),
        '[.-](?=[A-Za-z0-9_]*\d)[A-Za-z0-9_]{6,}(?=\.)', ''),
        '\d+', '#', 'g') as file
    from frame where file is not null
  ),
  chosen as (
    select place, called, file from clean
    where is_own or not exists (select from clean where is_own)
    order by place limit 3
  )
  select string_agg(called || ' ' || file, chr(10) order by place) from chosen
$$;

comment on function tocsin_internal.top_frames(text) is
  'The three top frames of a stack trace, of the application where there are any: function and '
  'file, '
  'without line numbers. Of JavaScript, Deno, Python, Go and Java; null when there are none.';

create type tocsin_internal.understood_text as (
  message text, told text, shape text, exception text, sqlstate text, http_status int
);
comment on type tocsin_internal.understood_text is
  'A message, as it came and redacted (told), its shape, and what it names.';

create function tocsin_internal.understand_text(p_message text, p_told text)
returns tocsin_internal.understood_text
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_result tocsin_internal.understood_text;
  v_head text := left(p_told, 2000);
  v_at int;
  v_before text;
  v_tries int := 0;
begin
  v_result.message := p_message;
  v_result.told := p_told;
  -- TypeError: x is not a function
  if left(v_head, 150) ~ 'Error|Exception|Warning|Fault|Interrupt|panic' then
    v_result.exception := substring(regexp_replace(substring(v_head from '^(?:Uncaught |Unhandled '
      '|\(in promise\) )*([A-Za-z_$][\w$.]*)(?: \[\w+\])?(?:\(\w+\))?(?::|$)'), '^.*\.', '')
      from '^(?:.*(?:Error|Exception|Warning|Fault|Interrupt)|panic)$');
  end if;

  -- SQLSTATE 23505, code: "23505", PGRST116
  if strpos(v_head, 'PGRST') > 0 then
    v_result.sqlstate := substring(v_head from '\m(PGRST[0-9X]{2,3})\M');
  elsif strpos(v_head, 'SQLSTATE') > 0 or strpos(v_head, 'code') > 0 then
    v_result.sqlstate := substring(v_head from '(?:SQLSTATE|\mcode)["'']?[\s:=\[(]*["'']?'
      '((?:0[0-9A-Z]|2[0-8BDF]|3[489BDF]|4[024]|5[3-8]|F0|HV|P0|XX)[0-9A-Z]{3})\M');
  end if;

  -- a number from 400 to 599 is a status by the words around it
  while v_tries < 5 and v_head ~ '\m[45]\d\d\M' loop
    v_tries := v_tries + 1;
    v_at := regexp_instr(v_head, '\m[45]\d\d\M');
    v_before := lower(substr(v_head, greatest(1, v_at - 24), least(24, v_at - 1)));
    if v_before ~ '(http(/[\d.]+)?|status|response|returned|responded|failed|with|got|code|error)'
        '(_?code| code| text| error| with| status)*["'']?[\s:=(\[]*$'
      or lower(substr(v_head, v_at + 3, 12)) ~ '^:? (bad|internal|not |service|unauth|forbid|too '
        '|gateway|request|unproc|conflict|gone|payload|client|server)'
        and v_before !~ '[\w.:/-]$'
    then
      v_result.http_status := substr(v_head, v_at, 3)::int;
      exit;
    end if;
    v_head := substr(v_head, v_at + 3);
  end loop;
  return v_result;
end
$$;

comment on function tocsin_internal.understand_text(text, text) is
  'What a redacted message says: its shape, and the exception, the SQLSTATE and the HTTP status '
  'from '
  '400 to 599 that it names.';

create function tocsin_internal.unwrap_error(p_error tocsin_internal.reported_errors)
returns tocsin_internal.reported_errors
language plpgsql immutable set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors := p_error;
  v_json jsonb;
  v_at int;
begin
  if v_error.message ~ '^\s*\{.*\}\s*$' and length(v_error.message) <= 65536 then
    begin
      v_json := v_error.message::jsonb;
    exception when data_exception then
      v_json := null; -- it only looks like an object
    end;
    if jsonb_typeof(v_json -> 'error') = 'object' then
      v_json := v_json || (v_json -> 'error');
    end if;
    if coalesce(v_json ->> 'message', v_json ->> 'error', v_json ->> 'msg') <> '' then
      v_error.message := coalesce(v_json ->> 'message', v_json ->> 'error', v_json ->> 'msg');
      v_error.exception := coalesce(v_error.exception, left(v_json ->> 'name', 200));
      v_error.sqlstate := coalesce(v_error.sqlstate,
        substring(v_json ->> 'code' from '^([0-9A-Z]{5}|PGRST\w{2,4})$'));
      v_error.http_status := coalesce(v_error.http_status, substring(coalesce(v_json ->> 'status',
        v_json ->> 'statusCode', v_json ->> 'code') from '^[1-5]\d\d$')::int);
      v_error.stack := coalesce(v_error.stack, v_json ->> 'stack');
      v_error.metadata := coalesce(v_error.metadata, '{}')
        || (v_json - array['message', 'msg', 'error', 'name', 'stack']);
    end if;
  end if;

  if v_error.stack is null and strpos(v_error.message, chr(10)) > 0 then
    if v_error.message ~ '^\s*Traceback \(most recent call last\)' then
      -- Python says what happened last
      v_error.stack := v_error.message;
      v_error.message := coalesce(substring(v_error.message from '\n(\S[^\n]*)\s*$'),
        v_error.message);
    else
      v_at := regexp_instr(v_error.message,
        '\n\s+at \S|\n\s*\n?goroutine \d+ |\n\s*File "|\n[^\s@]*@\S+:\d+:\d+');
      if v_at > 1 then
        v_error.stack := substr(v_error.message, v_at + 1);
        v_error.message := left(v_error.message, v_at - 1);
      end if;
    end if;
  end if;
  return v_error;
end
$$;

comment on function tocsin_internal.unwrap_error(tocsin_internal.reported_errors) is
  'The error with what its message holds: the parts of an error object in JSON, and the stack '
  'trace '
  'that follows a message.';

revoke all on all functions in schema tocsin_internal from public;
