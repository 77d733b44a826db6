/** What the page reads, as query options: one key and one route each, shared by loaders (prefetch) and screens. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, withQuery } from "./http.ts";
import type {
  Approval,
  Case,
  Conversation,
  ConversationSummary,
  DeviceSession,
  OrderDetail,
  OrderSummary,
  Product,
  ProductDetail,
  Session,
} from "./types.ts";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api.get<Session>("/api/auth/session", signal),
  staleTime: 5 * 60_000,
});

export const devicesQuery = queryOptions({
  queryKey: ["devices"],
  queryFn: ({ signal }) => api.get<{ sessions: DeviceSession[] }>("/api/sessions", signal),
});

export const conversationsQuery = infiniteQueryOptions({
  queryKey: ["conversations"],
  queryFn: ({ signal, pageParam }) =>
    api.get<{ conversations: ConversationSummary[]; next?: string }>(
      withQuery("/api/conversations", { cursor: pageParam }),
      signal,
    ),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next,
});

export const conversationQuery = (id: string) =>
  queryOptions({
    queryKey: ["conversation", id],
    queryFn: ({ signal }) => api.get<Conversation>(`/api/conversations/${encodeURIComponent(id)}`, signal),
    // The open chat is kept in memory; what was fetched is only its beginning.
    staleTime: 0,
    gcTime: 0,
  });

export const approvalsQuery = queryOptions({
  queryKey: ["approvals"],
  queryFn: ({ signal }) => api.get<{ approvals: Approval[] }>("/api/approvals", signal),
  refetchInterval: 30_000,
});

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: ["approval", id],
    queryFn: ({ signal }) => api.get<Approval>(`/api/approvals/${encodeURIComponent(id)}`, signal),
  });

export const ordersQuery = (status: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["orders", { status }],
    queryFn: ({ signal, pageParam }) =>
      api.get<{ orders: OrderSummary[]; next?: string }>(
        withQuery("/api/orders", { status, limit: 20, cursor: pageParam }),
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });

export const orderQuery = (id: string) =>
  queryOptions({
    queryKey: ["order", id],
    queryFn: ({ signal }) => api.get<OrderDetail>(`/api/orders/${encodeURIComponent(id)}`, signal),
  });

export interface ProductFilter {
  search?: string | undefined;
  category?: string | undefined;
  min_price?: number | undefined;
  max_price?: number | undefined;
  sort?: string | undefined;
}

export interface ProductPage {
  products: Product[];
  total: number;
  categories: { name: string; count: number }[];
  next?: string;
}

export const productsQuery = (filter: ProductFilter) =>
  infiniteQueryOptions({
    queryKey: ["products", filter],
    queryFn: ({ signal, pageParam }) =>
      api.get<ProductPage>(withQuery("/api/products", { ...filter, limit: 24, cursor: pageParam }), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    staleTime: 60_000,
  });

export const productQuery = (id: string) =>
  queryOptions({
    queryKey: ["product", id],
    queryFn: ({ signal }) => api.get<ProductDetail>(`/api/products/${encodeURIComponent(id)}`, signal),
    staleTime: 60_000,
  });

export const casesQuery = queryOptions({
  queryKey: ["cases"],
  queryFn: ({ signal }) => api.get<{ cases: Case[] }>("/api/cases", signal),
  staleTime: 30_000,
});
