begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.text(p_recipients text[]) returns void language sql as $$
  insert into tocsin.alert_channels (name, kind, recipients) values ('phone', 'sms', p_recipients)
$$;
select throws_ok($$select pg_temp.text('{}')$$, '23514', null, 'No number at all.');
select throws_ok($$select pg_temp.text('{0151 1234567}')$$, '23514', null, 'With a blank.');
select throws_ok($$select pg_temp.text('{015112345678}')$$, '23514', null, 'Without a country.');
select throws_ok($$select pg_temp.text('{+4915112345678,+0123456789}')$$, '23514', null,
  'One of two.');
select lives_ok($$select pg_temp.text('{+4915112345678,+14155550100}')$$, 'Two good ones.');

select * from finish();
rollback;
