import type { Attribute, ResourceType, Schema } from './schemas.ts'

/** What a name in a body, filter, path or list refers to. */
export interface AttributePath {
  /** The extension whose object in the resource holds the attribute; `undefined` for the resource itself. */
  readonly extension: Schema | undefined
  /** `undefined` if the name is that of a whole schema. */
  readonly attribute: Attribute | undefined
  readonly subAttribute: Attribute | undefined
}

/**
 * Resolves `[URN:]name[.subName]` in any letter case (RFC 7644, section 3.10). All that comes out is of the schemas, so
 * that no name that a client sends becomes the key of an object.
 *
 * @returns `undefined` if the schemas of the type have no such attribute
 */
export function resolvePath ({ schema, extensions, attributes }: ResourceType, name: string): AttributePath | undefined {
  const lowerCase = name.toLowerCase()
  const named = [schema, ...extensions].find(({ id }) => lowerCase === id.toLowerCase() || lowerCase.startsWith(`${id.toLowerCase()}:`))
  const extension = named === schema ? undefined : named
  if (named !== undefined && lowerCase.length === named.id.length) return { extension, attribute: undefined, subAttribute: undefined }

  const [attributeName = '', subName, ...rest] = name.slice(named === undefined ? 0 : named.id.length + 1).split('.', 3)
  const attribute = findAttribute(extension?.attributes ?? attributes, attributeName)
  const subAttribute = subName === undefined ? undefined : findAttribute(attribute?.subAttributes, subName)
  const isKnown = attribute !== undefined && (subName === undefined || subAttribute !== undefined) && rest.length === 0
  return isKnown ? { extension, attribute, subAttribute } : undefined
}

export function findAttribute (attributes: readonly Attribute[] | undefined, name: string): Attribute | undefined {
  const lowerCase = name.toLowerCase()
  return attributes?.find((attribute) => attribute.name.toLowerCase() === lowerCase)
}
