import { Type, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyContextConfig } from 'fastify'

/** The operations of the admin routes, as Unleash's OpenAPI document names them. */
export type OperationId = 'generateNewToken' | 'getScimSettings' | 'setScimSettings'

/** What a host may set when it registers the plugin. */
export interface ScimTokenOptions {
  /**
   * Any one of these lets a user generate a token.
   * @defaultValue `['ADMIN', 'UPDATE_AUTH_CONFIGURATION']`, as Unleash has it
   */
  permissions?: readonly string[]

  /**
   * Origins whose pages may call the admin routes besides the host's own, each spelled as a
   * browser sends it: `https://admin.example.com`.
   * @defaultValue `[]`
   */
  trustedOrigins?: readonly string[]

  /**
   * Where a caller without credentials is told to log in.
   * @defaultValue `'/auth/simple/login'`, as Unleash has it
   */
  loginPath?: string

  /**
   * Milliseconds that a call to the resolver or to the store may take before its request is
   * answered with 503; 0 for no limit. The call itself goes on: give a database a shorter limit.
   * @defaultValue `10000`
   */
  timeout?: number

  /**
   * Whether to add the two routes of the SCIM settings: `GET` and `POST /api/admin/scim-settings`.
   * The store then needs `getSettings` and `setEnabled`.
   * @defaultValue `false`
   */
  settings?: boolean

  /**
   * Fastify's `config` of each route, for plugins of the host that read it:
   * `{ generateNewToken: { rateLimit: { max: 30 } } }`.
   * @defaultValue `{}`
   */
  routeConfig?: Partial<Record<OperationId, FastifyContextConfig>>

  /** Put before the paths of the admin routes, as Fastify does for any plugin. */
  prefix?: string
}

/** The options with the defaults filled in. */
export type SettledOptions = Required<Omit<ScimTokenOptions, 'prefix'>>

const defaults: SettledOptions = {
  permissions: ['ADMIN', 'UPDATE_AUTH_CONFIGURATION'],
  trustedOrigins: [],
  loginPath: '/auth/simple/login',
  timeout: 10_000,
  settings: false,
  routeConfig: {}
}

// Node's timers fire at once when asked to wait longer.
const longestTimer = 2 ** 31 - 1

const expectations: { [Name in keyof SettledOptions]: { schema: TSchema, mustBe: string } } = {
  permissions: {
    schema: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
    mustBe: "an array of at least one permission name, such as ['ADMIN']"
  },
  trustedOrigins: {
    schema: Type.Array(Type.String()),
    mustBe: "an array of origins as browsers send them, such as ['https://admin.example.com']"
  },
  loginPath: {
    schema: Type.String({ minLength: 1 }),
    mustBe: "a path or URL, such as '/auth/simple/login'"
  },
  timeout: {
    schema: Type.Integer({ minimum: 0, maximum: longestTimer }),
    mustBe: `a whole number of milliseconds from 0 (no limit) to ${longestTimer}`
  },
  settings: {
    schema: Type.Boolean(),
    mustBe: 'true or false'
  },
  routeConfig: {
    schema: Type.Partial(Type.Object(
      { generateNewToken: Type.Object({}), getScimSettings: Type.Object({}), setScimSettings: Type.Object({}) },
      { additionalProperties: false }
    )),
    mustBe: 'an object of route configs by operation id, such as { generateNewToken: { rateLimit: { max: 30 } } }'
  }
}

/**
 * Fills in the defaults.
 *
 * @throws Error that names the first option that cannot be used and says what it must be
 */
export function settleOptions (options: ScimTokenOptions): SettledOptions {
  const settled = { ...defaults }
  for (const name of Object.keys(defaults) as (keyof SettledOptions)[]) {
    if (options[name] === undefined) continue
    const { schema, mustBe } = expectations[name]
    if (!Value.Check(schema, options[name])) throw unusable(name, mustBe)
    Object.assign(settled, { [name]: options[name] })
  }
  if (!settled.trustedOrigins.every(isOrigin)) throw unusable('trustedOrigins', expectations.trustedOrigins.mustBe)
  return settled
}

function isOrigin (value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value
}

function unusable (name: string, mustBe: string): Error {
  return new Error(`fastify-scim-token: the option "${name}" must be ${mustBe}.`)
}
