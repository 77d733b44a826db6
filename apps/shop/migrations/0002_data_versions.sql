-- What the shop's reading tools rest on, so that agents may keep answers made of it until somebody writes there [SR-22].

select deputize.track_versions(format('shop.%I', t)::regclass, 'orders', 'tenant', 'user_id')
  from unnest(array['orders', 'order_items', 'order_status_history']) t;
select deputize.track_versions(format('shop.%I', t)::regclass, 'products', 'tenant', null)
  from unnest(array['products', 'warehouse_inventory']) t;
select deputize.track_versions('shop.reviews', 'reviews', 'tenant', null);
select deputize.track_versions(format('shop.%I', t)::regclass, 'reference', null, null)
  from unnest(array['warehouses', 'carriers', 'shipping_rates']) t;
