import { ScimError } from 'fastify-scim-token'
import { badRequest, conflict, unavailable } from './errors.ts'

/**
 * Returns the error that a storage on PostgreSQL rejects with in place of one of the driver or the server, by its
 * SQLSTATE. Whatever is not the fault of the request is 503, also if there is no SQLSTATE, as of a connection that was
 * not made in time; a statement that is wrong stays as it is and becomes 500.
 */
export function toStorageError (thrown: unknown): unknown {
  if (thrown instanceof ScimError) return thrown
  const { code } = Object(thrown) as { code?: unknown }
  const [sqlState, sqlClass] = [String(code), String(code).slice(0, 2)]
  if (sqlState === '23505') return conflict('There is a resource with this name already.', thrown)
  // Values that no column, and sizes that no row or index can have.
  if (sqlClass === '22' || sqlClass === '54') return badRequest('invalidValue', 'The resource has a value that cannot be stored.')
  if (sqlClass === '42') return thrown
  return unavailable(thrown)
}
