import { inspect } from 'node:util'
import { Type, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyContextConfig } from 'fastify'
import { unknownOption } from './unknown-option.ts'

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
   * The login path that the message of a 401 names.
   * @defaultValue `'/auth/simple/login'`, as in Unleash
   */
  loginPath?: string | undefined

  /**
   * Milliseconds after which a call to the resolver or to the store times out and its request fails
   * with 503; 0 for no limit. The call itself goes on, so set a shorter limit in the database driver.
   * It is also how long the body of a settings change may take to arrive (408).
   * @defaultValue `10000`
   */
  timeout?: number | undefined

  /**
   * Whether to add `GET` and `POST /api/admin/scim-settings`. The store then needs `getSettings`
   * and `setEnabled`.
   * @defaultValue `false`
   */
  settings?: boolean | undefined

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

// Options of `app.register` that Fastify passes to the plugin.
const registerOptions = ['prefix', 'logLevel', 'logSerializers']

// `URL` also accepts hosts that no browser sends, such as `*.example.com`.
const originFormat = /^https?:\/\/(\[[\da-f:]+\]|[\w-]+(\.[\w-]+)*\.?)(:\d+)?$/

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
    mustBe: "an array of http and https origins as browsers send them, such as ['https://admin.example.com']"
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
 * Returns a frozen copy of the options with their defaults.
 *
 * @throws Error that names the first unknown or invalid option, its value and what it must be
 */
export function resolveOptions (options: ScimTokenOptions): ResolvedOptions {
  const unknown = unknownOption(options, [...Object.keys(definitions), ...registerOptions])
  if (unknown !== undefined) throw new Error(`fastify-scim-token: ${unknown}`)

  const trustedOrigins = resolveOption('trustedOrigins', options.trustedOrigins)
  if (!trustedOrigins.every(isOrigin)) throw invalidOption('trustedOrigins', trustedOrigins)

  return Object.freeze({
    permissions: Object.freeze([...resolveOption('permissions', options.permissions)]),
    trustedOrigins: Object.freeze([...trustedOrigins]),
    loginPath: resolveOption('loginPath', options.loginPath),
    timeout: resolveOption('timeout', options.timeout),
    settings: resolveOption('settings', options.settings),
    routeConfig: copyConfigs(resolveOption('routeConfig', options.routeConfig))
  })
}

function resolveOption<Name extends keyof ResolvedOptions> (name: Name, value: ResolvedOptions[Name] | undefined): ResolvedOptions[Name] {
  const { schema, default: defaultValue } = definitions[name]
  if (value === undefined) return defaultValue
  if (!Value.Check(schema, value)) throw invalidOption(name, value)
  return value
}

function copyConfigs (configs: ResolvedOptions['routeConfig']): ResolvedOptions['routeConfig'] {
  return Object.freeze(Object.fromEntries(Object.entries(configs).map(([id, config]) => [id, { ...config }])))
}

function isOrigin (value: string): boolean {
  return originFormat.test(value) && URL.canParse(value) && new URL(value).origin === value
}

function invalidOption (name: keyof ResolvedOptions, value: unknown): Error {
  return new Error(`fastify-scim-token: the option "${name}" must be ${definitions[name].mustBe}, got ${inspect(value)}.`)
}
