#include "udf/function_chain.h"

#include <algorithm>

#include "ops/conform_batch.h"

namespace millstream {
namespace {

using Item = ChainWork::Item;

bool HasFailed(const ChainWork& work) { return !work.items.empty() && !work.items.back().status.ok(); }

/// The batches among the items from `begin` to `end`.
RecordBatches BatchesOf(const ChainWork& work, size_t begin, size_t end) {
  RecordBatches batches;
  for (size_t item = begin; item < end; ++item) {
    if (work.items[item].call.batch != nullptr) batches.push_back(work.items[item].call.batch);
  }
  return batches;
}

/// An error in place of all batches from `item` on.
void FailAt(ChainWork* work, size_t item, int step, Status status) {
  work->items.resize(item);
  Item failed;
  failed.letters_of = step;
  failed.status = std::move(status);
  work->items.push_back(std::move(failed));
}

class ServeTask : public Task {
 public:
  explicit ServeTask(std::shared_ptr<FunctionChain> chain) : count_(chain->calls()->core()), chain_(std::move(chain)) {}

  Step Run(const Waker& waker) override {
    if (chain_->calls()->core().cancellation().cancelled()) return Step::kDone;
    bool closed = false;
    auto work = chain_->TryTake(waker, &closed);
    if (work == nullptr) return closed ? Step::kDone : Step::kBlocked;
    chain_->Run(std::move(work), nullptr);
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionChain> chain_;
};

}  // namespace

Result<std::shared_ptr<FunctionChain>> FunctionChain::Make(std::shared_ptr<FunctionCalls> calls, const BatchFunctions& functions) {
  std::shared_ptr<FunctionChain> chain(new FunctionChain(std::move(calls)));
  for (const auto& function : functions) {
    ARROW_ASSIGN_OR_RAISE(auto opened, function->OpenStep(chain->calls_));
    chain->steps_.push_back(std::make_unique<Step>(std::move(opened), function->columns(), function->name()));
  }
  return chain;
}

int FunctionChain::servers_most() const {
  const auto in_turn = std::count_if(steps_.begin(), steps_.end(), [](const auto& step) { return step->function->traits().in_turn; });
  const bool all_in_turn = in_turn == static_cast<int64_t>(steps_.size());
  return static_cast<int>(in_turn) + (all_in_turn ? 0 : calls_->engine()->scheduler()->lanes());
}

void FunctionChain::SetPlace(const std::string& place) {
  std::string names;
  for (int step = 0; step < calls_->steps(); ++step) names += (step == 0 ? "" : ", ") + calls_->statistics(step).name;
  for (int step = 0; step < calls_->steps(); ++step) {
    if (steps_[static_cast<size_t>(step)]->function->traits().is_engine) continue;
    calls_->statistics(step).SetPlace(place + ", one after the other: " + names);
  }
}

Status FunctionChain::ServeOnLanes() {
  const auto& scheduler = calls_->engine()->scheduler();
  for (int server = 0; server < scheduler->lanes(); ++server) {
    ARROW_RETURN_NOT_OK(scheduler->Submit(std::make_unique<ServeTask>(shared_from_this()), Priority::kNormal));
  }
  return Status::OK();
}

ChainWorkPtr FunctionChain::WorkOf(FunctionCall call) {
  auto work = std::make_unique<ChainWork>();
  work->number = call.number;
  work->items.emplace_back();
  work->items.back().call = std::move(call);
  return work;
}

ChainWorkPtr FunctionChain::TakeReady() {
  const int64_t total = calls_->calls_total();
  std::lock_guard lock(mutex_);
  if (total >= 0 && std::exchange(calls_total_, total) < 0) {
    // Nobody comes after those whose calls were the last, to settle what they wait for.
    for (const auto& step : steps_) {
      const Gate& gate = step->function->traits().in_turn ? step->before : step->after;
      if (gate.turn == total) ReleaseHeldLocked(step.get());
    }
  }
  if (ready_.empty()) return nullptr;
  ChainWorkPtr work = std::move(ready_.front());
  ready_.pop_front();
  return work;
}

ChainWorkPtr FunctionChain::TryTake() {
  if (auto work = TakeReady()) return work;
  auto call = calls_->TryTake();
  return call.has_value() ? WorkOf(std::move(*call)) : nullptr;
}

ChainWorkPtr FunctionChain::TryTake(const Waker& waker, bool* closed) {
  *closed = false;
  if (auto work = TakeReady()) return work;
  auto call = calls_->TryTake(waker, closed);
  return call.has_value() ? WorkOf(std::move(*call)) : nullptr;
}

ChainWorkPtr FunctionChain::Take() {
  while (!calls_->closed()) {
    if (auto work = TakeReady()) return work;
    if (auto call = calls_->Take(nullptr)) return WorkOf(std::move(*call));
  }
  return nullptr;
}

bool FunctionChain::Enter(Gate* gate, ChainWorkPtr* work) {
  std::lock_guard lock(mutex_);
  const int64_t number = (*work)->number;
  if (gate->turn == number) return true;
  gate->waiting.emplace(number, std::move(*work));
  return false;
}

void FunctionChain::Leave(Gate* gate) {
  {
    std::lock_guard lock(mutex_);
    const auto next = gate->waiting.find(++gate->turn);
    if (next == gate->waiting.end()) return;
    ready_.push_back(std::move(next->second));
    gate->waiting.erase(next);
  }
  calls_->Poke();
}

ChainWorkPtr FunctionChain::Run(ChainWorkPtr work, const Outside& outside) {
  const auto run_outside = [&](bool is_engine, const std::function<void()>& part) {
    if (is_engine && outside) outside(part);
    else part();
  };
  using Phase = ChainWork::Phase;
  while (work->step < steps_.size()) {
    Step& at = *steps_[work->step];
    const FunctionStep::Traits& traits = at.function->traits();
    if (work->phase == Phase::kToCall) {
      const bool has_gate = traits.in_turn || traits.finds_place;
      if (has_gate && !Enter(&at.before, &work)) return nullptr;
      if (calls_->closed()) return nullptr;  // nobody passes a gate any more
      if (has_gate) Place(&at, work.get());
      if (has_gate && !traits.in_turn) Leave(&at.before);
      work->phase = Phase::kCalling;
    }
    if (work->phase == Phase::kCalling) {
      if (traits.by_server && FindCall(work.get())) return work;
      if (!traits.by_server) run_outside(traits.is_engine, [&] { CallAll(&at, work.get()); });
      work->items = std::exchange(work->given, {});
      work->next_item = 0;
      work->phase = Phase::kCalled;
    }
    if (work->phase == Phase::kCalled && !traits.one_schema) {
      if (!traits.in_turn && !Enter(&at.after, &work)) return nullptr;
      work = Settle(&at, std::move(work));
      Leave(traits.in_turn ? &at.before : &at.after);
      if (work == nullptr) return nullptr;
    }
    if (!Conforms(at, *work)) run_outside(true, [&] { Conform(&at, work.get()); });
    Pass(&at, work.get());
    work->result_ends.clear();
    ++work->step;
    work->phase = Phase::kToCall;
  }
  Give(std::move(work));
  return nullptr;
}

void FunctionChain::Place(Step* at, ChainWork* work) {
  for (Item& item : work->items) {
    FunctionCall& call = item.call;
    if (call.batch == nullptr || work->step == 0) continue;  // the stage has numbered its input
    if (call.source != at->source) at->next_row = 0;
    at->source = call.source;
    call.number = at->calls_made++;
    call.begin_row = at->next_row;
    call.end_row = at->next_row += call.rows;
  }
}

bool FunctionChain::FindCall(ChainWork* work) {
  for (; work->next_item < work->items.size(); ++work->next_item) {
    Item& item = work->items[work->next_item];
    item.call.step = static_cast<int>(work->step);
    if (item.call.batch != nullptr) return true;
    work->given.push_back(std::move(item));
  }
  return false;
}

void FunctionChain::CallAll(Step* at, ChainWork* work) {
  while (FindCall(work)) {
    CpuTimer timer(&calls_->statistics(static_cast<int>(work->step)).cpu_nanoseconds);
    Answer(work, at->function->Call(CallFor(*work), *calls_));
  }
}

void FunctionChain::Answer(ChainWork* work, StepResult result) {
  const FunctionCall call = std::move(work->items[work->next_item++].call);
  FunctionCalls::NumberInSource(call, &result.skipped);
  if (!result.batches.ok() || !result.skipped.errors.empty()) {
    Item letters;
    letters.letters_of = call.step;
    letters.skipped = std::move(result.skipped);
    letters.status = result.batches.status();
    work->given.push_back(std::move(letters));
  }
  if (!result.batches.ok()) {
    work->next_item = work->items.size();
    return;
  }
  for (auto& batch : *result.batches) {
    Item next;
    next.call.rows = batch->num_rows();
    next.call.batch = std::move(batch);
    next.call.source = call.source;
    work->given.push_back(std::move(next));
  }
  work->result_ends.push_back(work->given.size());
}

Status FunctionChain::Look(Step* at, const ChainWork& work) {
  size_t begin = 0;
  for (const size_t end : work.result_ends) {
    if (at->finder.found()) break;
    ARROW_RETURN_NOT_OK(at->finder.Add(BatchesOf(work, begin, end)));
    begin = end;
  }
  return Status::OK();
}

ChainWorkPtr FunctionChain::Settle(Step* at, ChainWorkPtr work) {
  std::lock_guard lock(mutex_);
  work->phase = ChainWork::Phase::kSettled;
  if (at->settled) return work;
  const Status looked = Look(at, *work);
  if (at->held.empty() && at->finder.schema() == nullptr) return work;  // no batches so far
  const bool is_last = HasFailed(*work) || !looked.ok() || work->number + 1 == calls_total_;
  const int step = static_cast<int>(work->step);
  at->held.push_back(std::move(work));
  calls_->AddHeld(1);
  if (!is_last && !at->finder.found()) return nullptr;
  // Types that do not go together are told before any rows, as the schema is.
  if (!looked.ok()) {
    auto& items = at->held.front()->items;
    std::erase_if(items, [](const Item& item) { return item.call.batch != nullptr; });
    FailAt(at->held.front().get(), items.size(), step, looked);
  }
  const size_t others = ready_.size();
  ReleaseHeldLocked(at);
  // The first of them goes on at once.
  ChainWorkPtr first = std::move(ready_[others]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(others));
  return first;
}

void FunctionChain::ReleaseHeldLocked(Step* at) {
  at->schema = at->finder.schema();
  at->settled = at->schema != nullptr;
  calls_->AddHeld(-static_cast<int64_t>(at->held.size()));
  ready_.insert(ready_.end(), std::make_move_iterator(at->held.begin()), std::make_move_iterator(at->held.end()));
  at->held.clear();
}

bool FunctionChain::Conforms(const Step& at, const ChainWork& work) {
  if (at.function->traits().one_schema) return true;
  return std::all_of(work.items.begin(), work.items.end(), [&](const Item& item) {
    return item.call.batch == nullptr || item.call.batch->schema()->Equals(*at.schema, /*check_metadata=*/false);
  });
}

void FunctionChain::Conform(Step* at, ChainWork* work) {
  const std::string& stage = calls_->statistics(static_cast<int>(work->step)).name;
  for (size_t item = 0; item < work->items.size(); ++item) {
    auto& batch = work->items[item].call.batch;
    if (batch == nullptr) continue;
    auto conformed = ConformBatch(stage, batch, at->schema, arrow::default_memory_pool());
    if (!conformed.ok()) return FailAt(work, item, static_cast<int>(work->step), conformed.status());
    batch = std::move(*conformed);
  }
}

void FunctionChain::Pass(Step* at, ChainWork* work) {
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  for (const Item& item : work->items) {
    if (item.call.batch == nullptr) continue;
    rows += item.call.rows;
    schema = item.call.batch->schema();
  }
  if (schema != nullptr && at->function->traits().one_schema) {
    std::lock_guard lock(mutex_);
    at->schema = std::move(schema);
  }
  if (IsLast(*work)) return;  // whose rows the stream counts
  calls_->statistics(static_cast<int>(work->step)).rows += rows;
  std::erase_if(work->items, [](const Item& item) { return item.call.batch != nullptr && item.call.rows == 0; });
  calls_->Hold(work->number, BatchesOf(*work, 0, work->items.size()));
}

void FunctionChain::Give(ChainWorkPtr work) {
  std::vector<FunctionResult> parts(1);
  for (Item& item : work->items) {
    if (item.call.batch != nullptr) {
      parts.back().batches.push_back(std::move(item.call.batch));
      continue;
    }
    // What was made before it comes first.
    if (!parts.back().batches.empty()) parts.emplace_back();
    FunctionResult& letters = parts.back();
    letters.status = std::move(item.status);
    letters.skipped = std::move(item.skipped);
    letters.step = item.letters_of;
    if (letters.status.ok()) parts.emplace_back();
  }
  calls_->GiveInParts(work->number, std::move(parts));
}

Result<std::shared_ptr<arrow::Schema>> FunctionChain::SchemaWithoutResults(std::shared_ptr<arrow::Schema> input) const {
  std::lock_guard lock(mutex_);
  for (const auto& step : steps_) {
    if (step->schema != nullptr) input = step->schema;
    else if (step->columns == nullptr || input == nullptr || input->num_fields() == 0) input = arrow::schema({});
    else ARROW_RETURN_NOT_OK(step->columns(input).Value(&input));
  }
  return input;
}

}  // namespace millstream
