/** What the page reads, as query options: one key and one route each, shared by loaders (prefetch) and screens. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, withQuery } from "./http.ts";
import type {
  Approval,
  BackgroundOffer,
  BackgroundRun,
  Case,
  Conversation,
  ConversationSummary,
  DeviceSession,
  Mandate,
  Memory,
  OrderDetail,
  OrderSummary,
  Product,
  ProductDetail,
  Session,
  Usage,
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

export const memoriesQuery = infiniteQueryOptions({
  queryKey: ["memories"],
  queryFn: ({ signal, pageParam }) =>
    api.get<{ memories: Memory[]; next?: string }>(withQuery("/api/memories", { cursor: pageParam }), signal),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next,
});

export const usageQuery = queryOptions({
  queryKey: ["usage"],
  queryFn: ({ signal }) => api.get<Usage>("/api/me/usage", signal),
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

/** A whole conversation, page by page. */
export async function fetchConversation(id: string, signal?: AbortSignal): Promise<Conversation> {
  const path = `/api/conversations/${encodeURIComponent(id)}`;
  const conversation = await api.get<Conversation>(path, signal);
  let { messages, earlier } = conversation;
  while (earlier !== undefined) {
    const page = await api.get<Conversation>(withQuery(path, { limit: 1000, before: earlier }), signal);
    messages = [...page.messages, ...messages];
    earlier = page.earlier;
  }
  return { id: conversation.id, title: conversation.title, messages };
}

export const conversationQuery = (id: string) =>
  queryOptions({
    queryKey: ["conversation", id],
    queryFn: ({ signal }) => fetchConversation(id, signal),
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

export const mandatesQuery = queryOptions({
  queryKey: ["mandates"],
  queryFn: ({ signal }) => api.get<{ mandates: Mandate[] }>("/api/mandates", signal),
});

export const offersQuery = queryOptions({
  queryKey: ["background", "offers"],
  queryFn: ({ signal }) => api.get<{ offers: BackgroundOffer[] }>("/api/background/offers", signal),
  staleTime: 300_000,
});

/** What was said of one piece of work, oldest first. */
export const saidQuery = (id: string) =>
  queryOptions({
    queryKey: ["background", "said", id],
    queryFn: ({ signal }) =>
      api.get<{ messages: { role: "user" | "assistant"; content: string }[] }>(
        `/api/background/${encodeURIComponent(id)}`,
        signal,
      ),
  });

export const backgroundQuery = queryOptions({
  queryKey: ["background"],
  queryFn: ({ signal }) => api.get<{ runs: BackgroundRun[] }>("/api/background", signal),
  refetchInterval: 10_000,
});

export const casesQuery = queryOptions({
  queryKey: ["cases"],
  queryFn: ({ signal }) => api.get<{ cases: Case[] }>("/api/cases", signal),
  staleTime: 30_000,
});
