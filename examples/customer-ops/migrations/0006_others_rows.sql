-- The floor below `sensitiveWhen`: a change of somebody else's profile, notes, tickets or comments needs a yes that was spent in the
-- same transaction, for this row in this version. A case opens the row for reading and lets the change be asked for; by itself it
-- changes nothing (SR-04, SR-15). So a tool that forgets to ask, or SQL that goes around the tools, reaches one's own rows alone.
create function desk.others_rows_need_a_yes() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  key text;
  version integer;
begin
  -- Migrations and seeds act for nobody; the policies see to it that {{app}} always acts for somebody.
  if deputize.subject() is null or new.owner_id = deputize.subject() then return new; end if;
  -- The row that a preview names: what is changed, or what gets something attached.
  if tg_op = 'UPDATE' then
    key := (case tg_table_name when 'customers' then 'customer:' else 'ticket:' end) || old.id;
    version := old.version;
  elsif tg_table_name = 'ticket_comments' then
    select 'ticket:' || t.id, t.version into key, version from desk.tickets t
      where t.tenant = new.tenant and t.owner_id = new.owner_id and t.id = new.ticket_id;
  else
    select 'customer:' || c.id, c.version into key, version from desk.customers c
      where c.tenant = new.tenant and c.owner_id = new.owner_id and c.id = new.customer_id;
  end if;
  perform deputize.assert_row_approved(key, version::text);
  return new;
end
$$;

create trigger need_a_yes before update on desk.customers
  for each row execute function desk.others_rows_need_a_yes();
create trigger need_a_yes before insert or update on desk.tickets
  for each row execute function desk.others_rows_need_a_yes();
create trigger need_a_yes before insert on desk.customer_notes
  for each row execute function desk.others_rows_need_a_yes();
create trigger need_a_yes before insert on desk.ticket_comments
  for each row execute function desk.others_rows_need_a_yes();

revoke all on function desk.others_rows_need_a_yes() from public;
