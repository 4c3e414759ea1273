import SCIMMY from 'scimmy'

/** A resource type of SCIMMY's, such as `SCIMMY.Resources.User`. */
export type ResourceClass = typeof SCIMMY.Types.Resource<SCIMMY.Types.Schema>

/** The query parameters that select the attributes in a response (RFC 7644, section 3.9). */
export interface AttributeLists {
  attributes?: string
  excludedAttributes?: string
}

/**
 * Creates the function that converts a stored resource to the one in a response. SCIMMY's own
 * resources throw if only attributes of an extension are requested.
 *
 * @throws SCIMError 400 if a list of attributes cannot be parsed
 */
export function renderer (Resource: ResourceClass, lists: AttributeLists): (content: object) => object {
  const { definition } = Resource.schema
  const { attributes } = parse(Resource, lists)
  return (content) => definition.coerce(content, 'out', String(Resource.basepath()), attributes)
}

function parse (Resource: ResourceClass, { attributes, excludedAttributes }: AttributeLists): InstanceType<ResourceClass> {
  try {
    return new Resource(undefined, { ...(attributes !== undefined && { attributes }), ...(excludedAttributes !== undefined && { excludedAttributes }) })
  } catch (error) {
    if (error instanceof TypeError) throw new SCIMMY.Types.Error(400, 'invalidFilter', 'The list of attributes is not complete.')
    throw error
  }
}
