/** The kinds of ids, for what also runs where nothing of Node is. `ids.ts` makes and checks them. */
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type PrincipalId = Brand<string, "PrincipalId">;
export type GrantId = Brand<string, "GrantId">;
