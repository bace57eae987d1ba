/**
 * What a parser makes of the bytes that it has been given so far, from the first one on. It never throws for what is in
 * them, and gives the same answer however they were split on their way.
 */
export type Parsed<Value> =
  /** Nothing wrong yet; asking again makes sense once there are `atLeast` bytes in all. */
  | { readonly kind: "more"; readonly atLeast: number }
  /** Complete after `length` bytes; what follows belongs to whoever is next. */
  | { readonly kind: "value"; readonly value: Value; readonly length: number }
  /** No continuation can make it right. The reason is ours and never quotes a peer at length. */
  | { readonly kind: "bad"; readonly reason: string };
