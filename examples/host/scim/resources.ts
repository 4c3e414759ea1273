import SCIMMY from 'scimmy'
import { handlersOf } from './rows.ts'

/** Where SCIM is served. */
export const scimPath = '/scim'

/** How many resources an answer holds at most. */
export const maxResults = 200

// SCIMMY is set up for the whole process, so in a module, which runs once however many hosts are built.
SCIMMY.Config.set({
  patch: true,
  sort: true,
  filter: maxResults,
  authenticationSchemes: [{
    type: 'oauthbearertoken',
    name: 'OAuth Bearer Token',
    description: 'The SCIM token that an admin of this server has generated.',
    specUri: 'https://www.rfc-editor.org/info/rfc6750'
  }]
})

const { User, Group, Schema, ResourceType, ServiceProviderConfig } = SCIMMY.Resources
for (const resource of [User, Group, Schema, ResourceType, ServiceProviderConfig]) resource.basepath(scimPath)

const users = handlersOf<SCIMMY.Schemas.User>('scim_users')
const groups = handlersOf<SCIMMY.Schemas.Group>('scim_groups')

/** What can be provisioned. */
export const resourceTypes: readonly (typeof SCIMMY.Types.Resource<SCIMMY.Types.Schema>)[] = [
  SCIMMY.Resources.declare(User)
    .extend(SCIMMY.Schemas.EnterpriseUser, false)
    .ingress(users.ingress)
    .egress(users.egress)
    .degress(users.degress),
  SCIMMY.Resources.declare(Group)
    .ingress(groups.ingress)
    .egress(groups.egress)
    .degress(groups.degress)
]
