import type { FastifyRequest } from 'fastify'

/** A value, or a promise or other thenable (such as a query of a query builder) that resolves to it. */
export type Awaitable<T> = T | PromiseLike<T>

/**
 * Declares the host's user type, once, by declaration merging:
 *
 * ```ts
 * declare module 'fastify-scim-token' {
 *   interface FastifyScimToken { user: MyUser }
 * }
 * ```
 */
export interface FastifyScimToken {}

/** The host's user type; `object` unless declared in {@link FastifyScimToken}. */
export type ScimUser = FastifyScimToken extends { user: infer User extends object } ? User : object

/**
 * Authenticates and authorizes the callers of the admin routes. The host adds it with
 * `app.decorate('scimAuthResolver', resolver)`.
 *
 * Its methods are called after all `onRequest` hooks of the host, and before the request body is
 * read. If one times out, or throws or returns anything that is not described here, the request
 * fails with a 5xx and nothing is written.
 */
export interface ScimAuthResolver<User extends object = ScimUser> {
  /**
   * Returns the user, an object; or `null` or `undefined` if the caller is not authenticated (401).
   * Throwing an error with `statusCode` 401, as `request.jwtVerify()` does, is the same as `null`.
   */
  authenticate (request: FastifyRequest): Awaitable<User | null | undefined>

  /**
   * Returns `true` if the user has at least one of the permissions, else `false` (403). Throwing an
   * error with `statusCode` 403 is the same as `false`.
   *
   * @param user what `authenticate` returned
   * @param permissions names as in Unleash, such as `ADMIN`
   */
  authorize (user: User, permissions: readonly string[], request: FastifyRequest): Awaitable<boolean>
}

/** The stored part of a token. The token itself is never stored. */
export interface ScimTokenRecord {
  /** SHA-256 of the whole token, in 64 lower-case hexadecimal digits. */
  hash: string
  /** When the token was generated, by the clock of the node that generated it. */
  createdAt: Date
}

/** What Unleash's admin UI shows of SCIM. */
export interface ScimSettings {
  /** Whether SCIM is enabled. If not, all SCIM requests are rejected. */
  enabled: boolean
  /** Whether there is a token, even if SCIM is disabled. */
  hasToken: boolean
}

/** The context of `find`. */
export interface ScimRequestContext {
  /** The identity provider's request in `find`, the admin's in the other methods; it tells a store the tenant. */
  request: FastifyRequest
}

/** The context of the methods that an admin's request calls. */
export interface ScimAdminContext<User extends object = ScimUser> extends ScimRequestContext {
  /** What `authenticate` of the resolver returned. */
  user: User
}

/** The context of the methods that write. */
export interface ScimWriteContext<User extends object = ScimUser> extends ScimAdminContext<User> {
  /**
   * Aborted once the call times out or rejects, or the client disconnects. Also aborted if another
   * response is sent, such as that of Fastify's `handlerTimeout`. Never aborted after the call has resolved.
   */
  signal: AbortSignal
}

/**
 * Stores the one token. The host adds it with `app.decorate('scimTokenStore', store)`.
 *
 * If a method throws or times out, the request fails with 503. The conditions below are runnable
 * test cases in `fastify-scim-token/store-conformance`.
 *
 * A write that was given up must have no effect after a later write has resolved. Neither a late `replace`
 * nor a late `setEnabled` may undo the other. Checking `signal` before each statement is not
 * enough, as a statement may reach the database late. `fencedWrite` in
 * `fastify-scim-token/fenced-write` is enough.
 */
export interface ScimTokenStore<User extends object = ScimUser> {
  /**
   * Atomically replaces the record. Once it resolves to `true`, `find` returns this record or a
   * later one, on every node. If it rejects, the previous record is kept.
   *
   * @returns `false` if there are no SCIM settings (404)
   */
  replace (record: ScimTokenRecord, context: ScimWriteContext<User>): Awaitable<boolean>

  /**
   * Returns the record of the valid token; `null` or `undefined` if there is none or SCIM is disabled. A record
   * without a valid `hash` and a valid `Date` in `createdAt` is rejected with 503.
   */
  find (context: ScimRequestContext): Awaitable<ScimTokenRecord | null | undefined>

  /**
   * Returns whether SCIM is enabled and has a token; both are `false` if there are no SCIM settings
   * yet. Required by the option `settingsRoutes: true`.
   */
  getSettings? (context: ScimAdminContext<User>): Awaitable<ScimSettings>

  /**
   * Enables or disables SCIM, and creates the SCIM settings if there are none. Once SCIM is
   * disabled, `find` returns `null` on every node; the token is kept, and valid again once SCIM is
   * enabled. If it rejects, nothing is changed. Required by the option `settingsRoutes: true`.
   */
  setEnabled? (enabled: boolean, context: ScimWriteContext<User>): Awaitable<void>
}

/** A store for a host with the option `settingsRoutes: true`. */
export type ScimSettingsStore<User extends object = ScimUser> = Required<ScimTokenStore<User>>
