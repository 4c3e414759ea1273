import { inspect } from 'node:util'
import type { FastifyContextConfig } from 'fastify'
import { invalidOption, isPlainObject, requireOptions } from './check-options.ts'
import { parseOrigin } from './origin.ts'

/** The operations of the admin routes, as Unleash's OpenAPI document names them. */
export type OperationId = 'generateNewToken' | 'getScimSettings' | 'setScimSettings'

/** The options of the plugin. */
export interface ScimTokenOptions {
  /**
   * Permissions of which a user needs at least one to generate a token or change the settings.
   * @defaultValue `['ADMIN', 'UPDATE_AUTH_CONFIGURATION']`, as in Unleash
   */
  permissions?: readonly string[] | undefined

  /**
   * Origins, besides the host's own, whose pages may call the admin routes. Each is an http or https
   * origin, written as browsers send it: `https://admin.example.com`. There are no wildcards.
   * @defaultValue `[]`
   */
  trustedOrigins?: readonly string[] | undefined

  /**
   * The path or URL at which users log in, for the message of a 401.
   * @defaultValue `'/auth/simple/login'`, as in Unleash
   */
  loginPath?: string | undefined

  /**
   * Milliseconds after which a call to the resolver or to the store times out and its request fails
   * with 503; 0 for no limit. The call itself goes on, so set a shorter limit in the database driver.
   * @defaultValue `10000`
   */
  timeout?: number | undefined

  /**
   * Whether to add `GET` and `POST /api/admin/scim-settings`. The store then needs `getSettings`
   * and `setEnabled`.
   * @defaultValue `false`
   */
  settingsRoutes?: boolean | undefined

  /**
   * Fastify's `config` of each route, for plugins of the host that read it:
   * `{ generateNewToken: { rateLimit: { max: 30 } } }`.
   * @defaultValue `{}`
   */
  routeConfig?: Partial<Record<OperationId, FastifyContextConfig | undefined>> | undefined

  /** Fastify's prefix for the paths of the admin routes. */
  prefix?: string
}

/** The options with their defaults: a frozen copy. */
export type ResolvedOptions = {
  readonly [Name in keyof Omit<ScimTokenOptions, 'prefix'>]-?: NonNullable<ScimTokenOptions[Name]>
}

const operationIds: readonly string[] = ['generateNewToken', 'getScimSettings', 'setScimSettings'] satisfies OperationId[]

// Options of `app.register` that Fastify passes to the plugin, besides `prefix`.
const registerOptions = ['logLevel', 'logSerializers']

// Node.js runs a timer at once if its delay is longer.
const longestDelay = 2 ** 31 - 1

const decoratorHint = " The resolver and the store are decorators: app.decorate('scimAuthResolver', ...) and app.decorate('scimTokenStore', ...)."

const rules: { readonly [Name in keyof ScimTokenOptions]-?: { isValid: (value: unknown) => boolean, mustBe: string } } = {
  permissions: {
    isValid: (value) => Array.isArray(value) && value.length > 0 && [...value].every(isText),
    mustBe: "an array of at least one permission name, such as ['ADMIN']"
  },
  trustedOrigins: {
    isValid: (value) => Array.isArray(value) && [...value].every(isOrigin),
    mustBe: "an array of http and https origins as browsers send them, such as ['https://admin.example.com']"
  },
  loginPath: {
    isValid: isText,
    mustBe: "a path or URL, such as '/auth/simple/login'"
  },
  timeout: {
    isValid: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= longestDelay,
    mustBe: `an integer of milliseconds from 0 (no limit) to ${longestDelay}`
  },
  settingsRoutes: {
    isValid: (value) => typeof value === 'boolean',
    mustBe: 'true or false'
  },
  routeConfig: {
    isValid: (value) => isPlainObject(value) && Object.entries(value).every(([id, config]) =>
      operationIds.includes(id) && (config === undefined || isPlainObject(config))),
    mustBe: 'an object of route configs by operation id, such as { generateNewToken: { rateLimit: { max: 30 } } }'
  },
  prefix: {
    isValid: (value) => typeof value === 'string',
    mustBe: 'a path'
  }
}

/**
 * Returns a frozen copy of the options with their defaults.
 *
 * @throws an error that names the first unknown or invalid option, its value and what it must be
 */
export function resolveOptions (options: ScimTokenOptions): ResolvedOptions {
  const owner = 'fastify-scim-token'
  requireOptions(owner, options, [...Object.keys(rules), ...registerOptions], 'the options must be an object', '', decoratorHint)
  for (const [name, { isValid, mustBe }] of Object.entries(rules)) {
    const value = options[name as keyof ScimTokenOptions]
    if (value !== undefined && !isValid(value)) throw invalidOption(owner, `the option "${name}" must be ${mustBe}`, inspect(value))
  }

  const {
    permissions = ['ADMIN', 'UPDATE_AUTH_CONFIGURATION'], trustedOrigins = [], loginPath = '/auth/simple/login',
    timeout = 10_000, settingsRoutes = false, routeConfig = {}
  } = options
  // Otherwise a rate limit for a route that was not added would be ignored without an error.
  const unused = Object.entries(routeConfig).find(([id, config]) => id !== 'generateNewToken' && Object.keys(Object(config)).length > 0)
  if (unused !== undefined && !settingsRoutes) {
    throw invalidOption(owner, 'the option "settingsRoutes" must be true if "routeConfig" has a config of its routes', `a config of ${unused[0]} without settingsRoutes: true`)
  }

  return Object.freeze({
    permissions: Object.freeze([...permissions]),
    trustedOrigins: Object.freeze([...trustedOrigins]),
    loginPath,
    timeout,
    settingsRoutes,
    routeConfig: Object.freeze(Object.fromEntries(Object.entries(routeConfig).map(([id, config]) => [id, { ...config }])))
  })
}

function isText (value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isOrigin (value: unknown): boolean {
  return typeof value === 'string' && parseOrigin(value) === value
}
