import type { FastifyRequest } from 'fastify'
import { invalidOption, kindOf, requireOptions } from '../check-options.ts'
import { read } from '../thrown.ts'

/** A connection or pool that runs SQL statements: a `Pool` or `Client` of pg, or a `PGlite`. */
export interface Queryable {
  /** Runs one statement with the parameters `$1`, `$2` and so on. */
  query (text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** A connection or pool that runs named prepared statements: a `Pool` or `Client` of pg. */
export interface NamedQueryable {
  /** Prepares the statement under its name once per connection, and runs it. */
  query (statement: { name: string, text: string, values: unknown[] }): Promise<{ rows: unknown[] }>
}

/** The names of the two tables, each as `schema.table` if its schema is not on the search path. */
export interface PostgresTables {
  /** @defaultValue `'scim_settings'` */
  settings?: string | undefined
  /** @defaultValue `'scim_token_audit'` */
  audit?: string | undefined
}

/** What `postgresStore` runs its statements on. */
export type PostgresConnection =
  | {
    /** Runs the statements. It must be the primary: a replica returns tokens that were replaced. */
    db: Queryable
    /** @defaultValue `false` */
    preparedStatements?: false | undefined
  }
  | {
    /** Runs the statements. It must be the primary: a replica returns tokens that were replaced. */
    db: NamedQueryable
    /**
     * Whether each statement has a name, so that PostgreSQL parses it once per connection. A pooler
     * in between must support prepared statements.
     */
    preparedStatements: true
  }

/** Options of `postgresStore`. */
export type PostgresStoreOptions<User extends object> = PostgresConnection & {
  /**
   * Returns the name of a user, a non-empty string, for the settings row and the audit table. The request
   * may add to it, such as its address or id.
   */
  createdBy: (user: User, request: FastifyRequest) => string
  /**
   * Returns the tenant of a request, a non-empty string. It must be the tenant in which `authenticate`
   * looks up the user. Otherwise an admin of one tenant can generate a token for another. If it returns
   * anything else, the request fails and no statement is sent.
   * @defaultValue a single tenant, `'default'`
   */
  tenant?: ((request: FastifyRequest) => string) | undefined
  /** The names of the tables; pass the same to `postgresMigration`. */
  tables?: PostgresTables | undefined
}

/** The names of the tables, quoted for SQL. */
export type QuotedTables = Required<Record<keyof PostgresTables, string>>

/**
 * Checks the options of `postgresStore`, and returns those with a default or a check at each call.
 * `tenant` and `createdBy` throw if what they return is not a non-empty string, so that no two
 * tenants share a row by mistake.
 *
 * @throws an error that names the first unknown or invalid option and says what it must be
 */
export function resolvePostgresOptions<User extends object> (options: PostgresStoreOptions<User>) {
  const poolHint = typeof read(options, 'query') === 'function' ? ' Pass a pool or a client as { db, createdBy }.' : ''
  requireOptions('postgresStore', options, ['db', 'preparedStatements', 'createdBy', 'tenant', 'tables'], 'the options must be an object, such as { db, createdBy }', '', poolHint)

  const { db, preparedStatements, createdBy, tenant = () => 'default', tables } = options
  if (typeof db?.query !== 'function') {
    throw invalid('the option "db" must be an object with the method query (text, values), such as a Pool of pg', db)
  }
  if (preparedStatements !== undefined && typeof preparedStatements !== 'boolean') throw invalid('the option "preparedStatements" must be true or false', preparedStatements)
  if (typeof createdBy !== 'function') throw invalid('the option "createdBy" must be a function that returns the name of a user', createdBy)
  if (typeof tenant !== 'function') throw invalid('the option "tenant" must be a function that returns the tenant of a request', tenant)

  return {
    createdBy: (user: User, request: FastifyRequest) => requireName('createdBy', createdBy(user, request)),
    tenant: (request: FastifyRequest) => requireName('tenant', tenant(request)),
    tables: quoteTables('postgresStore', tables)
  }
}

const tableName = /^[^.]+(\.[^.]+)?$/

/**
 * Returns the names of the tables with their defaults, quoted for SQL.
 *
 * @param caller the exported function, for the error message
 * @throws an error that names the first unknown or invalid table and says what it must be
 */
export function quoteTables (caller: string, tables: PostgresTables = {}): QuotedTables {
  const tablesHint = read(tables, 'tables') === undefined ? '' : ' Pass the names themselves, without { tables } around them.'
  requireOptions(caller, tables, ['settings', 'audit'], 'the option "tables" must be an object of table names, such as { settings: \'scim_settings\' }', ' of "tables"', tablesHint)

  const { settings = 'scim_settings', audit = 'scim_token_audit' } = tables
  for (const [option, name] of Object.entries({ settings, audit })) {
    if (typeof name !== 'string' || !tableName.test(name)) throw invalid(`the option "${option}" of "tables" must look like "table" or "schema.table"`, name, caller)
  }
  return { settings: quote(settings), audit: quote(audit) }
}

function quote (name: string): string {
  return name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

function requireName (option: string, name: string): string {
  if (typeof name === 'string' && name !== '') return name
  // If the function is async and rejects, no one else handles it, which would end the process.
  Promise.resolve(name).catch(() => {})
  throw invalid(`"${option}" must return a non-empty string`, name)
}

function invalid (mustBe: string, value: unknown, caller = 'postgresStore'): Error {
  return invalidOption(caller, mustBe, kindOf(value))
}
