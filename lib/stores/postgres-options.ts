import type { FastifyRequest } from 'fastify'
import { kindOf } from '../kind-of.ts'
import { unknownOption } from '../unknown-option.ts'
import type { PostgresStoreOptions, PostgresTables } from './postgres.ts'

/** The names of the tables, quoted for SQL. */
export type QuotedTables = Required<Record<keyof PostgresTables, string>>

/**
 * Checks the options of `postgresStore`, and returns those with a default or a check at each call.
 * `tenant` and `createdBy` throw if what they return is not a non-empty string, so that no two
 * tenants share a row by mistake.
 *
 * @throws Error that names the first unknown or invalid option and says what it must be
 */
export function resolvePostgresOptions<User extends object> (options: PostgresStoreOptions<User>) {
  if (typeof options !== 'object' || options === null) {
    throw invalid('the options must be an object, such as { db, createdBy }', options)
  }
  const unknown = unknownOption(options, ['db', 'preparedStatements', 'createdBy', 'tenant', 'tables'])
  if (unknown !== undefined) throw new Error(`postgresStore: ${unknown}`)

  const { db, createdBy, tenant = () => 'default', tables } = options
  if (typeof db?.query !== 'function') {
    throw invalid('the option "db" must be an object with the method query (text, values), such as a Pool of pg', db)
  }
  if (typeof createdBy !== 'function') throw invalid('the option "createdBy" must be a function that returns the name of a user', createdBy)
  if (typeof tenant !== 'function') throw invalid('the option "tenant" must be a function that returns the tenant of a request', tenant)

  return {
    createdBy: (user: User) => requireName('createdBy', createdBy(user)),
    tenant: (request: FastifyRequest) => requireName('tenant', tenant(request)),
    tables: quoteTables('postgresStore', tables)
  }
}

/**
 * Returns the names of the tables with their defaults, quoted for SQL.
 *
 * @param caller the exported function, for the error message
 * @throws Error that names the first unknown or invalid table and says what it must be
 */
export function quoteTables (caller: string, tables: PostgresTables = {}): QuotedTables {
  if (typeof tables !== 'object' || tables === null) {
    throw invalid("the option \"tables\" must be an object of table names, such as { settings: 'scim_settings' }", tables, caller)
  }
  const unknown = unknownOption(tables, ['settings', 'audit'], ' of "tables"')
  if (unknown !== undefined) throw new Error(`${caller}: ${unknown}`)

  const { settings = 'scim_settings', audit = 'scim_token_audit' } = tables
  for (const [option, name] of Object.entries({ settings, audit })) {
    if (!isName(name)) throw invalid(`the option "${option}" of "tables" must be the name of a table`, name, caller)
  }
  return { settings: quote(settings), audit: quote(audit) }
}

function quote (name: string): string {
  return name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

function requireName (option: string, name: string): string {
  if (!isName(name)) throw invalid(`"${option}" must return a non-empty string`, name)
  return name
}

function isName (name: unknown): boolean {
  return typeof name === 'string' && name !== ''
}

function invalid (mustBe: string, value: unknown, caller = 'postgresStore'): Error {
  return new Error(`${caller}: ${mustBe}, got ${kindOf(value)}.`)
}
