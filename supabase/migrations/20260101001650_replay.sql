-- Replay and test: what people do with deliveries. A delivery that was given up, or waits for its
-- next attempt, can be sent again now; and a channel can be tried by a notification that goes the
-- very way of a real one.
--
-- SECURITY DEFINER functions, because nobody may write deliveries through the Data API. Each asks
-- first whether the caller may edit the channel:
--   tocsin_internal.replay_delivery(uuid, uuid, timestamptz)
--   tocsin_internal.deliver_test(uuid, timestamptz)
--
-- Errors: TC011, TC063 to TC066, TC068 (docs/reference/errors.md).

create function tocsin_internal.may_edit_channel(p_channel_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select tocsin_internal.is_trusted() or tocsin_internal.is_operator() or exists (
    select from tocsin.alert_channels c
    where c.channel_id = p_channel_id
      and c.project_id in (select tocsin.my_project_ids('editor')))
$$;

comment on function tocsin_internal.may_edit_channel(uuid) is
  'Whether the caller may edit the channel, asked where row-level security does not answer.';

create function tocsin_internal.replay_delivery(
  p_delivery_id uuid, p_channel_id uuid, p_now timestamptz
) returns tocsin.delivery_state
language plpgsql security definer set search_path = ''
as $$
begin
  if not tocsin_internal.may_edit_channel(p_channel_id) then
    raise exception 'There is no channel % that you may edit', p_channel_id using errcode = 'TC011',
      hint = 'Ask an editor of its project, or an operator.';
  end if;
  if not exists (
    select from tocsin.deliveries d join tocsin.alert_channels c using (channel_id)
    where d.delivery_id = p_delivery_id
      and tocsin_internal.is_recipient(d.recipient_id, c.recipients)
  ) then
    raise exception 'Its recipient is none of the channel''s any more' using errcode = 'TC068',
      hint = 'They were taken out or have unsubscribed. Put them back only if they want it.';
  end if;
  update tocsin.deliveries
  set state = 'pending', next_attempt_at = p_now, last_error = null, replayed_at = p_now,
    earlier_attempts = attempt_count
  where delivery_id = p_delivery_id and channel_id = p_channel_id and state in ('dead', 'pending');
  -- who asks for it has reason to think that it can arrive now
  update tocsin.channel_states set retry_at = p_now
  where channel_id = p_channel_id and state = 'open';
  perform pgmq.delete('tocsin_deliveries_dlq', q.msg_id)
  from pgmq.q_tocsin_deliveries_dlq q where q.message ->> 'delivery_id' = p_delivery_id::text;
  return (select state from tocsin.deliveries where delivery_id = p_delivery_id);
end
$$;

comment on function tocsin_internal.replay_delivery(uuid, uuid, timestamptz) is
  'Makes a delivery due, with all its attempts before it again. For those who may edit its '
  'channel. Raises TC011 and TC068.';

create function tocsin.retry_delivery(
  p_delivery_id uuid, p_now timestamptz default clock_timestamp()
) returns tocsin.delivery_state
language plpgsql set search_path = ''
as $$
declare
  v_delivery tocsin.deliveries;
  v_channel tocsin.alert_channels;
begin
  -- as the caller: RLS hides the deliveries of other projects
  select * into v_delivery from tocsin.deliveries where delivery_id = p_delivery_id;
  if not found then
    raise exception 'There is no delivery % that you may see', p_delivery_id
      using errcode = 'TC063', hint = 'select * from tocsin.deliveries where state = ''dead''';
  end if;
  v_channel := tocsin_internal.editable_channel(v_delivery.channel_id);
  if v_delivery.state not in ('dead', 'pending') then
    raise exception 'The delivery % is %: there is nothing to retry', p_delivery_id,
      v_delivery.state using errcode = 'TC064',
      hint = 'select * from tocsin.delivery_attempts where delivery_id = ''' || p_delivery_id
        || '''';
  end if;
  if not v_channel.is_enabled then
    raise exception 'The channel "%" is off', v_channel.name using errcode = 'TC065',
      hint = 'update tocsin.alert_channels set is_enabled = true where channel_id = '''
        || v_channel.channel_id || '''';
  end if;
  return tocsin_internal.replay_delivery(p_delivery_id, v_channel.channel_id, p_now);
end
$$;

comment on function tocsin.retry_delivery(uuid, timestamptz) is
  'Sends a delivery that was given up, or waits for its next attempt, within seconds, under the '
  'same id and with a new row of attempts; the earlier ones stay. For editors of the channel''s '
  'project and operators. Returns its state. Raises TC011, TC063 to TC065 '
  'and TC068.';

create function tocsin_internal.deliver_test(p_channel_id uuid, p_now timestamptz) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
  v_notification_id constant uuid := gen_random_uuid();
begin
  if not tocsin_internal.may_edit_channel(p_channel_id) then
    raise exception 'There is no channel % that you may edit', p_channel_id using errcode = 'TC011',
      hint = 'Ask an editor of its project, or an operator.';
  end if;
  -- in turns, so that the count holds
  select * into v_channel from tocsin.alert_channels where channel_id = p_channel_id for update;
  if (
    select count(distinct d.notification_id) from tocsin.deliveries d
    join tocsin.notifications n using (notification_id)
    where d.channel_id = p_channel_id and n.purpose = 'test'
      and n.decided_at > p_now - interval '1 hour'
  ) >= 10 then
    raise exception 'The channel "%" was tested ten times within an hour', v_channel.name
      using errcode = 'TC066', hint = 'Wait a little: real alerts go out meanwhile.';
  end if;

  insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
    content, decided_at)
  values (v_notification_id, null, coalesce(v_channel.project_id, ''), '', 'test',
    jsonb_build_object('version', 1, 'notification_id', v_notification_id, 'purpose', 'test',
      'kind', 'test', 'severity', 'low', 'title', 'This channel works', 'facts', jsonb_build_array(
        jsonb_build_object('label', 'Channel', 'value', v_channel.name)),
      'setting', jsonb_build_object('setting_id', null, 'name', null),
      'project_id', coalesce(v_channel.project_id, ''), 'workflow_id', '',
      'workflow_name', null, 'event', null, 'alert', null, 'items', null, 'held_back', null,
      'throttle', null, 'decided_at', p_now), p_now);
  perform tocsin_internal.make_deliveries(v_notification_id, array[p_channel_id], p_now);
  update tocsin.channel_states set retry_at = p_now
  where channel_id = p_channel_id and state = 'open';
  return (select delivery_id from tocsin.deliveries where notification_id = v_notification_id
    order by recipient limit 1);
end
$$;

comment on function tocsin_internal.deliver_test(uuid, timestamptz) is
  'Makes a test notification and its delivery to a channel. For those who may edit the channel, '
  'ten times an hour. Raises TC011 and TC066.';

create function tocsin.send_test_alert(
  p_channel_id uuid, p_now timestamptz default clock_timestamp()
) returns uuid
language plpgsql set search_path = ''
as $$
declare
  v_channel constant tocsin.alert_channels := tocsin_internal.editable_channel(p_channel_id);
begin
  if not v_channel.is_enabled then
    raise exception 'The channel "%" is off', v_channel.name using errcode = 'TC065',
      hint = 'update tocsin.alert_channels set is_enabled = true where channel_id = '''
        || v_channel.channel_id || '''';
  end if;
  return tocsin_internal.deliver_test(p_channel_id, p_now);
end
$$;

comment on function tocsin.send_test_alert(uuid, timestamptz) is
  'Sends a test through a channel, by the very way of a real alert, within seconds. Returns the '
  'delivery: how it fares is in tocsin.deliveries, and what was answered in '
  'tocsin.delivery_attempts. For editors of its project and operators. Raises TC011, TC065, TC066.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.replay_delivery(uuid, uuid, timestamptz),
  tocsin_internal.deliver_test(uuid, timestamptz) to authenticated, service_role;
grant execute on function tocsin_internal.editable_channel(uuid) to service_role;
revoke all on function tocsin.retry_delivery(uuid, timestamptz),
  tocsin.send_test_alert(uuid, timestamptz) from public, anon;
grant execute on function tocsin.retry_delivery(uuid, timestamptz),
  tocsin.send_test_alert(uuid, timestamptz) to authenticated, service_role;
