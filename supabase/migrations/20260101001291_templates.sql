-- Templates: what a setting says instead of the usual text. Plain text with {{placeholders}}, no
-- logic. The first line becomes the subject or the headline. What a placeholder stands for is put
-- in once, as text, and the whole is escaped by the channel that it goes to: nothing from a run
-- becomes markup, a header or a link.
--
-- SECURITY DEFINER functions: none.
--
-- Errors: TC067 (docs/reference/errors.md).

create function tocsin.template_placeholders()
returns table (name text, description text, example text)
language sql immutable set search_path = ''
as $$
  values
    ('title', 'What happened, in one sentence.', 'order-import failed'),
    ('severity', 'low, medium or high.', 'high'),
    ('kind', 'The kind of alert.', 'run_failed'),
    ('purpose', 'first, summary, digest, resolved, repeat, escalation or test.', 'first'),
    ('setting', 'The name of the setting.', 'Every failed run'),
    ('project_id', 'The project; empty when there is none.', 'shop'),
    ('workflow', 'The workflow''s name, or its id when it has none.', 'order-import'),
    ('workflow_id', 'The workflow''s id.', 'c9a1f0d2'),
    ('run_id', 'The run.', '8f3c2a44'),
    ('run_url', 'The link to the run, if its source has a template for it.',
      'https://app.example/runs/8f3c2a44'),
    ('node', 'The step that failed.', 'createContact'),
    ('error_type', 'The type of the error.', 'http_error'),
    ('message', 'The error''s message, redacted.', 'HTTP 502 from createContact'),
    ('attempt', 'Which attempt of the step it was.', '5'),
    ('occurred_at', 'When it happened, in UTC.', '21 Nov 2026, 09:02:11 UTC'),
    ('value', 'What was measured, with its unit.', '34 %'),
    ('threshold', 'What the setting allows, with its unit.', '5 %'),
    ('sample', 'From how many it was measured.', '120'),
    ('since', 'Since when the alert has been firing, in UTC.', '21 Nov 2026, 08:55:00 UTC'),
    ('resolved_at', 'When it was resolved, in UTC.', '21 Nov 2026, 09:20:00 UTC'),
    ('duration', 'How long it lasted, once it is resolved.', '25 minutes'),
    ('held_back', 'How many were held back and are told here.', '12'),
    ('facts', 'All that is known, a line each.', 'Failure rate: 34 %'),
    ('dashboard', 'The address of the dashboard, if the function knows it.',
      'https://tocsin.example')
$$;

comment on function tocsin.template_placeholders() is
  'What a template of a setting may name as {{name}}, with an example of each. What is not known '
  'of a notification is left empty.';

create function tocsin_internal.template_problem(p_template text) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_template is null then null
    when p_template !~ '\S' then 'It is empty: leave it null for the usual text.'
    when length(p_template) > 4000 then 'It is longer than 4000 characters.'
    when p_template ~ '[\x01-\x08\x0b\x0c\x0e-\x1f]' then 'It holds control characters.'
    else (
      select case
        when found.name is null then
          'There is a {{ or }} that belongs to no placeholder: {{name}} is one.'
        else format('There is no placeholder {{%s}}: see tocsin.template_placeholders().',
          found.name) end
      from (
        select m[1] as name from regexp_matches(p_template, '\{\{\s*([^{}]*?)\s*\}\}', 'g') as m
        where m[1] not in (select name from tocsin.template_placeholders())
        union all
        select null where regexp_replace(p_template, '\{\{\s*[^{}]*?\s*\}\}', '', 'g') ~ '\{\{|\}\}'
          or p_template ~ '\{{3}|\}{3}'
      ) as found
      limit 1)
  end
$$;

comment on function tocsin_internal.template_problem(text) is
  'What is wrong with a template, in words; null when nothing is.';

create function tocsin_internal.check_template() returns trigger
language plpgsql set search_path = ''
as $$
declare
  v_problem constant text := tocsin_internal.template_problem(new.template);
begin
  if v_problem is not null then
    raise exception 'The template of "%" cannot be used. %', new.name, v_problem
      using errcode = 'TC067',
        hint = 'select name, description, example from tocsin.template_placeholders()';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.check_template() is
  'Trigger of alert_settings: a template is checked when it is saved. Raises TC067.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.template_problem(text) to authenticated, service_role;
revoke all on function tocsin.template_placeholders() from public, anon;
grant execute on function tocsin.template_placeholders() to authenticated, service_role;
