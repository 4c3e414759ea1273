import { findAttribute } from './attribute-path.ts'
import { badRequest } from './errors.ts'
import { isJsonObject, isStorable, type JsonObject } from './json.ts'
import type { Attribute } from './schemas.ts'

/**
 * Reads one value that a client sends for an attribute: of its type, and with the sub-attributes of the schema alone.
 *
 * @returns `undefined` for no value; `null` is none (RFC 7643, section 2.5)
 * @throws ScimError 400 invalidValue
 */
export function readValue (attribute: Attribute, value: unknown): unknown {
  if (value === null || value === undefined) return undefined
  switch (attribute.type) {
    case 'complex': return readComplex(attribute, value)
    case 'boolean': return readBoolean(attribute, value)
    default: return readText(attribute, value)
  }
}

/** Reads the values of a multi-valued attribute; a value alone is the array that holds it. */
export function readValues (attribute: Attribute, value: unknown): JsonObject[] {
  return [value].flat().map((element) => readComplex(attribute, element)).filter((element) => element !== undefined)
}

function readComplex (attribute: Attribute, value: unknown): JsonObject | undefined {
  if (value === null || value === undefined) return undefined
  // Deviates from RFC 7643, section 4.3, for Entra ID, which sends the manager as a string
  // (learn.microsoft.com: develop a SCIM endpoint), and members, too, in Microsoft's reference collection.
  const named = typeof value === 'string' && findAttribute(attribute.subAttributes, 'value') !== undefined ? { value } : value
  if (!isJsonObject(named)) throw invalidValue(attribute, 'an object')

  const complex: JsonObject = {}
  for (const [name, part] of Object.entries(named)) {
    const subAttribute = findAttribute(attribute.subAttributes, name)
    const read = subAttribute === undefined ? undefined : readValue(subAttribute, part)
    if (subAttribute !== undefined && read !== undefined) complex[subAttribute.name] = read
  }
  return Object.keys(complex).length > 0 ? complex : undefined
}

function readBoolean (attribute: Attribute, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  // Deviates from RFC 7643, section 2.3.2, for Entra ID, which sends "True" and "False" without the
  // flag aadOptscim062020 (learn.microsoft.com: known issues with SCIM 2.0 protocol compliance).
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'
  throw invalidValue(attribute, 'true or false')
}

function readText (attribute: Attribute, value: unknown): string | undefined {
  // The URI of a member says nothing that its id does not, so an odd one is not a reason to reject a group.
  if (attribute.name === '$ref' && typeof value !== 'string') return undefined
  if (typeof value !== 'string') throw invalidValue(attribute, 'a string')
  if (!isStorable(value)) throw invalidValue(attribute, 'a string without NUL and without half of a surrogate pair')
  return value
}

export function invalidValue ({ name }: Attribute, mustBe: string) {
  return badRequest('invalidValue', `"${name}" must be ${mustBe}.`)
}
