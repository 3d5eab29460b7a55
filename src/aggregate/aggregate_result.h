#pragma once
/// From states to output columns: which states an AggregateSpec needs, and how its result is made of them.

#include <arrow/type.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aggregate/aggregate_spec.h"
#include "aggregate/aggregate_state.h"

namespace millstream {

/// The states of a table. Specs that need the same state of the same column share it.
class StateSet {
 public:
  struct Member {
    int column;        // of the input; -1: none
    std::string name;  // what it is, unique among those of a column
    std::unique_ptr<AggregateState> state;
  };

  /// The state with that column and name, made by `make` where there is none yet.
  template <typename State, typename Make>
  State* Get(int column, const std::string& name, Make make) {
    if (AggregateState* found = Find(column, name)) return static_cast<State*>(found);
    auto made = make();
    State* state = made.get();
    members_.push_back({column, name, std::move(made)});
    return state;
  }

  std::vector<Member>& members() { return members_; }
  const std::vector<Member>& members() const { return members_; }

 private:
  AggregateState* Find(int column, const std::string& name) const;

  std::vector<Member> members_;
};

/// Makes the results of these groups, of sealed states.
using ResultMaker = std::function<Result<ArrayDataPtr>(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool)>;

/// `field`: what ResultField gave. States are added to `states`, which must outlive the maker; their memory comes from `pool`.
ResultMaker MakeResult(const AggregateSpec& spec, const arrow::Schema& input, const std::shared_ptr<arrow::Field>& field, StateSet* states, arrow::MemoryPool* pool);

}  // namespace millstream
