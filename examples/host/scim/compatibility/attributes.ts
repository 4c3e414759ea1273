import SCIMMY from 'scimmy'

export type SchemaDefinition = SCIMMY.Types.SchemaDefinition
export type Attribute = SCIMMY.Types.Attribute

/** A resource, or a complex value, as JSON. */
export type JsonObject = Record<string, unknown>

/** An attribute of a resource, and the URN of the schema extension whose object holds it, if any. */
export interface ResourceAttribute {
  attribute: Attribute
  extension: string | undefined
}

/** Finds an attribute by its name in any letter case, with or without the URN of its schema (RFC 7644, section 3.10). */
export function findAttribute (schema: SchemaDefinition, name: string): ResourceAttribute | undefined {
  try {
    const attribute = schema.attribute<Attribute | SchemaDefinition>(name)
    if (!(attribute instanceof SCIMMY.Types.Attribute)) return undefined
    const extension = extensionsOf(schema).find(({ id }) => name.toLowerCase().startsWith(`${id.toLowerCase()}:`))
    return { attribute, extension: extension?.id }
  } catch {
    return undefined
  }
}

/** Finds a schema extension by its URN. */
export function findExtension (schema: SchemaDefinition, urn: string): SchemaDefinition | undefined {
  return extensionsOf(schema).find(({ id }) => id.toLowerCase() === urn.toLowerCase())
}

export function findSubAttribute (attribute: Attribute, name: string): Attribute | undefined {
  return attribute.subAttributes?.find((subAttribute) => subAttribute.name.toLowerCase() === name.toLowerCase())
}

/** Whether clients cannot set the attribute. */
export function isReadOnly ({ name, config }: Attribute): boolean {
  return config.mutable === false || config.mutable === 'readOnly' || name === 'schemas'
}

export function isJsonObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the object at a key, or an empty one if there is none. */
export function objectAt (container: JsonObject, key: string): JsonObject {
  const value = container[key]
  return isJsonObject(value) ? value : {}
}

function extensionsOf (schema: SchemaDefinition): SchemaDefinition[] {
  const attributes: readonly (Attribute | SchemaDefinition)[] = schema.attributes
  return attributes.filter((attribute) => attribute instanceof SCIMMY.Types.SchemaDefinition)
}
