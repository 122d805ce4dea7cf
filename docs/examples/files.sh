# A picture is kept, found, fetched and deleted, with curl and jq.
set -eu
server=${CIOTAT_SERVER:-http://127.0.0.1:8000}
call() { curl --silent --show-error --fail-with-body --header "authorization: Bearer $CIOTAT_API_KEY" "$@"; }

file=$(call "$server/v1/files" --form file=@boat.png --form purpose=vision)
id=$(echo "$file" | jq -r .id)
echo "$file" | jq -r '"\(.id) \(.width)x\(.height)"'
call "$server/v1/files?purpose=vision" | jq -r '.data[].id'
call --output kept.png "$server/v1/files/$id/content"
call --request DELETE "$server/v1/files/$id" --output /dev/null
