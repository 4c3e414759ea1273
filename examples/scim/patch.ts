import { Draft, type Operation } from './draft.ts'
import { badRequest, tooLarge } from './errors.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { maxOperations } from './limits.ts'
import type { ResourceType } from './schemas.ts'

const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

/**
 * Reads the attributes of a resource that a client sends (POST, PUT). Those that clients cannot set, and those that the
 * schema does not have, are left out.
 *
 * @throws ScimError 400 invalidValue
 */
export function readResource (type: ResourceType, body: unknown): JsonObject {
  const draft = new Draft(type)
  draft.assign(body, 'add', undefined, { ignoreUnknown: true })
  return draft.finish()
}

/**
 * Reads the operations of a PATCH request (RFC 7644, section 3.5.2).
 *
 * @throws ScimError 400 invalidSyntax, or 413
 */
export function readOperations (message: unknown): Operation[] {
  const { schemas, Operations: operations } = isJsonObject(message) ? message : {}
  if (!Array.isArray(schemas) || !schemas.includes(patchOp)) throw invalidSyntax(`The body must be a message with the schema "${patchOp}".`)
  if (!Array.isArray(operations) || operations.length === 0) throw invalidSyntax('"Operations" must be an array of at least one operation.')
  if (operations.length > maxOperations) throw tooLarge(`A request must have at most ${maxOperations} operations.`)
  return operations.map(readOperation)
}

function readOperation (operation: unknown): Operation {
  if (!isJsonObject(operation)) throw invalidSyntax('An operation must be an object.')
  const { op: name, path, value } = operation
  // Entra ID writes "Add", "Replace" and "Remove".
  const op = typeof name === 'string' ? name.toLowerCase() : undefined
  if (op !== 'add' && op !== 'replace' && op !== 'remove') throw invalidSyntax('The "op" of an operation must be "add", "replace" or "remove".')
  // Older versions of authentik send a path that is null.
  if (path !== undefined && path !== null && typeof path !== 'string') throw invalidSyntax('The "path" of an operation must be a string.')
  return { op, path: path ?? undefined, value }
}

/**
 * Returns the attributes with the operations applied, all or none.
 *
 * @throws ScimError 400
 */
export function applyOperations (type: ResourceType, attributes: JsonObject, operations: readonly Operation[]): JsonObject {
  const draft = new Draft(type, attributes)
  for (const operation of operations) draft.apply(operation)
  return draft.finish()
}

function invalidSyntax (message: string) {
  return badRequest('invalidSyntax', message)
}
