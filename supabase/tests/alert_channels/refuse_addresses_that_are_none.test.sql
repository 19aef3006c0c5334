begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

create function pg_temp.mail(p_recipients text[]) returns void language sql as $$
  insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', p_recipients)
$$;
create function pg_temp.hook(p_url text) returns void language sql as $$
  insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', p_url)
$$;

select throws_ok($$select pg_temp.mail('{}')$$, '23514', null, 'No recipient at all.');
select throws_ok($$select pg_temp.mail('{ada}')$$, '23514', null, 'A name.');
select throws_ok($$select pg_temp.mail(array['a@b.test', null])$$, '23514', null, 'An empty one.');
select throws_ok($$select pg_temp.mail(array['a@b.test c@d.test'])$$, '23514', null, 'Two in one.');
select throws_ok($$select pg_temp.mail(array['a@b.test,c@d.test'])$$, '23514', null, 'A list.');
select throws_ok($$select pg_temp.mail(array[E'a@b.test\nBcc: c@d.test'])$$, '23514', null,
  'A header put in by a line break.');
select throws_ok($$select pg_temp.mail(array['Ada <a@b.test>'])$$, '23514', null, 'With a name.');
select throws_ok($$select pg_temp.mail(array_fill('a@b.test'::text, array[51]))$$, '23514', null,
  'More than fifty.');
select lives_ok($$select pg_temp.mail('{a@b.test,c.d+e@f.co.uk}')$$, 'Two good ones are fine.');
select throws_ok($$select pg_temp.hook(null)$$, '23514', null, 'A webhook without an address.');
select throws_ok($$select pg_temp.hook('ftp://x.example')$$, '23514', null, 'Another protocol.');
select throws_ok($$select pg_temp.hook('https://user:pass@x.example')$$, '23514', null,
  'A password in the address.');
select throws_ok($$select pg_temp.hook(E'https://x.test/a\nb')$$, '23514', null, 'A line break.');
select lives_ok($$select pg_temp.hook('http://127.0.0.1:54325/hooks/x?y=1')$$,
  'An http address is fine: whether it may be sent to, the function decides.');

select * from finish();
rollback;
