// What relay-compiler is given: a connection that is paged through and fetched again.
import { graphql } from 'react-relay';

export const fragment = graphql`
  fragment Everyone_query on Query
  @refetchable(queryName: "EveryonePaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    players(first: $count, after: $cursor) @connection(key: "Everyone_players") {
      edges { node { id number ...Everyone_player } }
    }
  }
`;

export const player = graphql`
  fragment Everyone_player on Player @refetchable(queryName: "EveryonePlayerQuery") {
    pay { amount currency minorUnits }
  }
`;
