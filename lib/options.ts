import { Type, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyContextConfig } from 'fastify'

/** The operations of the admin routes, as Unleash's OpenAPI document names them. */
export type OperationId = 'generateNewToken' | 'getScimSettings' | 'setScimSettings'

/** The options of the plugin. */
export interface ScimTokenOptions {
  /**
   * Permissions of which a user needs at least one to generate a token or change the settings.
   * @defaultValue `['ADMIN', 'UPDATE_AUTH_CONFIGURATION']`, as in Unleash
   */
  permissions?: readonly string[]

  /**
   * Origins, besides the host's own, whose pages may call the admin routes. Each is written as a
   * browser sends it: `https://admin.example.com`.
   * @defaultValue `[]`
   */
  trustedOrigins?: readonly string[]

  /**
   * The login path that the message of a 401 names.
   * @defaultValue `'/auth/simple/login'`, as in Unleash
   */
  loginPath?: string

  /**
   * Milliseconds after which a call to the resolver or to the store times out and its request fails
   * with 503; 0 for no limit. The call itself goes on, so set a shorter limit in the database driver.
   * @defaultValue `10000`
   */
  timeout?: number

  /**
   * Whether to add `GET` and `POST /api/admin/scim-settings`. The store then needs `getSettings`
   * and `setEnabled`.
   * @defaultValue `false`
   */
  settings?: boolean

  /**
   * Fastify's `config` of each route, for plugins of the host that read it:
   * `{ generateNewToken: { rateLimit: { max: 30 } } }`.
   * @defaultValue `{}`
   */
  routeConfig?: Partial<Record<OperationId, FastifyContextConfig>>

  /** Fastify's prefix for the paths of the admin routes. */
  prefix?: string
}

/** The options with their defaults. */
export type ResolvedOptions = Required<Omit<ScimTokenOptions, 'prefix'>>

// Node.js runs a timer at once if its delay is longer.
const longestDelay = 2 ** 31 - 1

type Definition<T> = { default: T, schema: TSchema, mustBe: string }

const definitions: { readonly [Name in keyof ResolvedOptions]: Definition<ResolvedOptions[Name]> } = {
  permissions: {
    default: ['ADMIN', 'UPDATE_AUTH_CONFIGURATION'],
    schema: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
    mustBe: "an array of at least one permission name, such as ['ADMIN']"
  },
  trustedOrigins: {
    default: [],
    schema: Type.Array(Type.String()),
    mustBe: "an array of origins as browsers send them, such as ['https://admin.example.com']"
  },
  loginPath: {
    default: '/auth/simple/login',
    schema: Type.String({ minLength: 1 }),
    mustBe: "a path or URL, such as '/auth/simple/login'"
  },
  timeout: {
    default: 10_000,
    schema: Type.Integer({ minimum: 0, maximum: longestDelay }),
    mustBe: `an integer of milliseconds from 0 (no limit) to ${longestDelay}`
  },
  settings: {
    default: false,
    schema: Type.Boolean(),
    mustBe: 'true or false'
  },
  routeConfig: {
    default: {},
    schema: Type.Partial(Type.Object(
      { generateNewToken: Type.Object({}), getScimSettings: Type.Object({}), setScimSettings: Type.Object({}) },
      { additionalProperties: false }
    )),
    mustBe: 'an object of route configs by operation id, such as { generateNewToken: { rateLimit: { max: 30 } } }'
  }
}

/**
 * Returns the options with their defaults.
 *
 * @throws Error that names the first invalid option and says what it must be
 */
export function resolveOptions (options: ScimTokenOptions): ResolvedOptions {
  const resolved = {
    permissions: resolveOption('permissions', options),
    trustedOrigins: resolveOption('trustedOrigins', options),
    loginPath: resolveOption('loginPath', options),
    timeout: resolveOption('timeout', options),
    settings: resolveOption('settings', options),
    routeConfig: resolveOption('routeConfig', options)
  }
  if (!resolved.trustedOrigins.every(isOrigin)) throw invalidOption('trustedOrigins')
  return resolved
}

function resolveOption<Name extends keyof ResolvedOptions> (name: Name, options: Partial<ResolvedOptions>): ResolvedOptions[Name] {
  const { schema, default: defaultValue } = definitions[name]
  const value = options[name]
  if (value === undefined) return defaultValue
  if (!Value.Check(schema, value)) throw invalidOption(name)
  return value
}

function isOrigin (value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value
}

function invalidOption (name: keyof ResolvedOptions): Error {
  return new Error(`fastify-scim-token: the option "${name}" must be ${definitions[name].mustBe}.`)
}
