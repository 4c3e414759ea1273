import type { FastifyRequest } from 'fastify'

/** A value, or anything that can be awaited for it: a promise, or a query of a query builder. */
export type Awaitable<T> = T | PromiseLike<T>

/**
 * Where a host declares its own user type, once, by declaration merging:
 *
 * ```ts
 * declare module 'fastify-scim-token' {
 *   interface FastifyScimToken { user: MyUser }
 * }
 * ```
 */
export interface FastifyScimToken {}

/** The host's user type, `object` unless {@link FastifyScimToken} says more. */
export type ScimUser = FastifyScimToken extends { user: infer User extends object } ? User : object

/**
 * Says who calls the admin routes and what they may do. The host injects it:
 * `app.decorate('scimAuthResolver', resolver)`.
 *
 * It is asked before the body of a request is read. When it throws, hangs or answers anything
 * but what is promised here, the caller is refused with a 5xx and nothing is changed.
 */
export interface ScimAuthResolver<User extends object = ScimUser> {
  /** Answers the caller's user, or `null` for nobody, who gets a 401. */
  authenticate (request: FastifyRequest): Awaitable<User | null>

  /**
   * Answers `true` when the user holds at least one of the permissions, `false` when none: 403.
   *
   * @param user what `authenticate` answered
   * @param permissions names as Unleash uses them, such as `ADMIN`
   */
  authorize (user: User, permissions: readonly string[], request: FastifyRequest): Awaitable<boolean>
}

/** What is kept of a token. The token itself is never stored. */
export interface ScimTokenRecord {
  /** SHA-256 of the whole token, in 64 lower-case hexadecimal digits. */
  hash: string
  /** When the token was generated, by the clock of the node that did. */
  createdAt: Date
}

/** What Unleash's admin UI asks about SCIM. */
export interface ScimSettings {
  /** Whether SCIM requests are let in. */
  enabled: boolean
  /** Whether a token has been generated, be SCIM enabled or not. */
  hasToken: boolean
}

/** On whose behalf a store is asked. */
export interface ScimRequestContext {
  /**
   * Fastify's request, by which a store can pick its tenant: of an admin for a change, of the
   * identity provider for a look-up.
   */
  request: FastifyRequest
}

/** The same for a change, with the user who makes it. */
export interface ScimTokenContext<User extends object = ScimUser> extends ScimRequestContext {
  /** What `authenticate` of the resolver answered. */
  user: User
}

/**
 * Where the one token lives. The host injects it: `app.decorate('scimTokenStore', store)`.
 *
 * A method that throws or rejects is answered with 503. The promises below are runnable cases in
 * `fastify-scim-token/store-conformance`.
 */
export interface ScimTokenStore<User extends object = ScimUser> {
  /**
   * Atomically makes this record the only one: from the moment it has answered `true`, `find`
   * answers this record or one stored later, on every node. A rejected call leaves the old record.
   *
   * @returns `false` when there are no SCIM settings to attach a token to, which is answered with 404
   */
  replace (record: ScimTokenRecord, context: ScimTokenContext<User>): Awaitable<boolean>

  /** Answers the record that SCIM requests may use now, or `null` when there is none or SCIM is disabled. */
  find (context: ScimRequestContext): Awaitable<ScimTokenRecord | null>

  /**
   * Answers whether SCIM is enabled and has a token; both are `false` where there are no SCIM
   * settings yet. Needed with the option `settings: true`.
   */
  getSettings? (context: ScimTokenContext<User>): Awaitable<ScimSettings>

  /**
   * Enables or disables SCIM, and makes the SCIM settings where there are none. Disabled, `find`
   * answers `null` at once, on every node; the token is kept and valid again once enabled. A
   * rejected call leaves things as they were. Needed with the option `settings: true`.
   */
  setEnabled? (enabled: boolean, context: ScimTokenContext<User>): Awaitable<void>
}

/** A store for a host with the option `settings: true`. */
export type ScimSettingsStore<User extends object = ScimUser> = Required<ScimTokenStore<User>>
