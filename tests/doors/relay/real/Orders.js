// What relay-compiler is given of the real schema: a list that is paged through, an order that is fetched again, a mutation.
import { graphql } from 'react-relay';

export const orders = graphql`
  fragment Orders_query on Query
  @refetchable(queryName: "OrdersPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    merchant {
      orders(first: $count, after: $cursor) @connection(key: "Orders_orders") {
        edges { node { id code state ...Orders_order } }
      }
    }
  }
`;

export const order = graphql`
  fragment Orders_order on Order @refetchable(queryName: "OrdersOrderQuery") {
    total { amount currency }
    placedAt
  }
`;

export const place = graphql`
  mutation OrdersPlaceMutation($input: PlaceOrderInput!, $key: String!) {
    placeOrder(input: $input, idempotencyKey: $key) {
      __typename
      ... on PlaceOrderSuccess { order { id ...Orders_order } }
      ... on Failure { code message path }
    }
  }
`;
